/* SPDX-License-Identifier: Apache-2.0 */
/* In words what the process has got from the kernel and the drivers. */
#include "proc/data/proc.h"

#include <stdio.h>

/* Without an outside device there is no socket; hub starts the process again when a device comes. */
static void queues_format(const struct proc_data *d, char *text, size_t size)
{
	if (!d->xsk_count)
		snprintf(text, size, "on no device yet");
	else if (d->zero_copy_count == d->xsk_count)
		snprintf(text, size, "zero-copy");
	else if (d->zero_copy_count)
		snprintf(text, size, "zero-copy on %u of %u queues", d->zero_copy_count,
			d->xsk_count);
	else
		snprintf(text, size, "copy mode");
}

void data_mode_format(const struct proc_data *d, char *text, size_t size)
{
	char queues[48];

	queues_format(d, queues, sizeof(queues));
	snprintf(text, size, "AF_XDP %s, %u worker%s, AES-GCM by %s, %s", queues, d->conf.workers,
		d->conf.workers == 1 ? "" : "s", d->engine,
		d->conf.packets.pacing_horizon_us ? "paced" : "policed");
}
