/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as they happen, for whoever has asked for a stream of them (text/event-stream). First comes what happened after
 * the event that was named, page by page as it is read, then each event at once. Who does not read is dropped, and told
 * so. A stream ends after ten minutes, or when rights may have changed: who reads it comes again with the number of the
 * last event, and is judged again.
 */
#ifndef SLUICE_HUB_API_STREAMS_H
#define SLUICE_HUB_API_STREAMS_H

#include "hub/api/events.h"

struct streams *streams_new(struct hub *h);
void streams_free(struct streams *s);

/* NULL: it has begun; else why not. */
json_t *hub_stream_begin(struct hub *h, struct site *site, const struct imsg_api_request *r);

/* Whoever is connected by that number has gone. */
void hub_stream_gone(struct hub *h, uint32_t client);
/* So many bytes of the stream that answers a request were read. */
void hub_stream_taken(struct hub *h, uint32_t request, uint32_t bytes);

/* Of watch's answer to a question of a stream. False: it is of none. */
bool hub_stream_event(struct hub *h, const struct imsg_watch_event *m);
bool hub_stream_end(struct hub *h, const struct imsg_watch_end *m);

/* What somebody may see may be something else now. */
void hub_streams_judge(struct hub *h);
/* The api process has ended, or the one of API_OF_REMOTE; once a second. */
void hub_streams_forget(struct hub *h, uint32_t of);
void hub_streams_look(struct hub *h, uint64_t now);

#endif
