/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that outlives the ike and data processes: hub keeps it for them, and does not look into it. */
#include "hub/host/host.h"

#include "ipc/data_saved.h"

#include <sys/mman.h>
#include <unistd.h>

bool hub_saved_clear(struct hub *h)
{
	return !ftruncate(h->saved_fd, 0) && !ftruncate(h->saved_fd, DATA_SAVED_SIZE);
}

bool hub_memfds_open(struct hub *h)
{
	h->checkpoint_fd = memfd_create("sluice-ike", MFD_CLOEXEC);
	h->saved_fd = memfd_create("sluice-data", MFD_CLOEXEC);
	return h->checkpoint_fd >= 0 && h->saved_fd >= 0 && hub_saved_clear(h);
}
