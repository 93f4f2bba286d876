/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker tells the control thread of an SA pair. */
#include "dataplane/worker_internal.h"

#include <errno.h>
#include <unistd.h>

void worker_tell(
	struct worker *w, uint32_t type, const struct sa_pair *p, const struct ip_endpoint *remote)
{
	struct worker_event e = {
		.type = type, .tunnel = p->tunnel, .spi_in = p->spi_in, .spi_out = p->spi_out};

	if (remote)
		e.remote = *remote;
	/* Atomic below PIPE_BUF. A full pipe loses a hint; the next packet gives another. */
	if (write(w->shared.event_fd, &e, sizeof(e)) < 0 && errno != EAGAIN)
		w->stats->event_lost++;
}
