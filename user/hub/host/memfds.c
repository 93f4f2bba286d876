/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that outlives the ike and data processes: hub keeps it for them, and does not look into it. */
#include "hub/host/host.h"

#include "ipc/data_saved.h"

#include <sys/mman.h>
#include <unistd.h>

bool hub_saved_clear(struct hub *h)
{
	return !ftruncate(h->host->saved_fd, 0) && !ftruncate(h->host->saved_fd, DATA_SAVED_SIZE);
}

bool hub_memfds_open(struct hub *h)
{
	h->host->checkpoint_fd = memfd_create("sluice-ike", MFD_CLOEXEC);
	h->host->saved_fd = memfd_create("sluice-data", MFD_CLOEXEC);
	return h->host->checkpoint_fd >= 0 && h->host->saved_fd >= 0 && hub_saved_clear(h);
}
