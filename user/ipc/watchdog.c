/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/watchdog.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define TURN_LATE_NS (2 * CLOCK_SECOND) /* between two turns: hub itself was kept from running */

bool watchdog_heard(struct watchdog *w)
{
	bool was_said = w->silent >= WATCHDOG_SAID_AFTER;

	w->asked = false;
	w->silent = w->idle = 0;
	return was_said;
}

enum watchdog_verdict watchdog_turn(struct watchdog *w, uint64_t now, enum watchdog_doing doing)
{
	bool late = now - w->turn_ns > TURN_LATE_NS, counts = w->asked && !late;

	w->turn_ns = now;
	w->asked = true;
	if (late) /* the child may have stood still too: its time begins anew */
		w->silent = w->idle = 0;
	if (!counts || doing == DOING_TRACED)
		return WATCHDOG_ALIVE;
	w->silent++;
	w->idle += doing == DOING_NOTHING;
	if (w->idle >= WATCHDOG_HUNG_AFTER || w->silent >= WATCHDOG_BUSY_AFTER)
		return WATCHDOG_HUNG;
	return w->silent == WATCHDOG_SAID_AFTER ? WATCHDOG_SAY : WATCHDOG_ALIVE;
}

enum watchdog_doing watchdog_read(struct watchdog *w, const char *stat)
{
	const char *at = strrchr(stat, ')'); /* the name may have anything in it */
	unsigned long long user, system;
	uint64_t before = w->cpu;
	char state;

	if (!at || sscanf(at, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &state,
			   &user, &system) != 3)
		return DOING_WORK; /* nobody is ended for what we cannot read */
	w->cpu = user + system;
	if (state == 't')
		return DOING_TRACED;
	return state == 'R' || state == 'D' || w->cpu != before ? DOING_WORK : DOING_NOTHING;
}

enum watchdog_doing watchdog_look(struct watchdog *w, pid_t pid)
{
	char path[64], text[512];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)pid);
	f = fopen(path, "re");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return watchdog_read(w, text);
}
