/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms where the minutes are. They are written in the transaction of the minutes that they were made of, and that somebody
 * was told in the one of the event that says so: after a kill at any moment the next process says what was not said, and
 * nothing twice.
 */
#ifndef SLUICE_PROC_WATCH_ALARMS_H
#define SLUICE_PROC_WATCH_ALARMS_H

#include "proc/watch/store.h"

struct watch_alarms;

/* `say` is called for each that hub is to hear of. */
struct watch_alarms *watch_alarms_new(
	void (*say)(void *context, const struct imsg_alarm *m), void *context);
void watch_alarms_free(struct watch_alarms *w);

/* Of hub, before the file is opened, and whenever they change: then what follows is to be written. */
void watch_alarms_rules(struct watch_alarms *w, const struct alarm_rules *rules);

/* The file is open: alarms are what it says. False with a sentence: it cannot be read. */
bool watch_alarms_open(struct watch_alarms *w, struct store *s, char why[STORE_WHY_SIZE]);

/* It is not open any more: what has not been written has not been. */
void watch_alarms_close(struct watch_alarms *w);

/* What is about to be written. */
void watch_alarms_samples(
	struct watch_alarms *w, const struct imsg_watch_sample *samples, size_t count);
void watch_alarms_events(struct watch_alarms *w, const struct bus_event *events, size_t count);
void watch_alarms_command(struct watch_alarms *w, const struct imsg_alarm_command *m);

/* It has been written: who has to hear of it does. */
void watch_alarms_written(struct watch_alarms *w, uint64_t now_s);

#endif
