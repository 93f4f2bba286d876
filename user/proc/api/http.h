/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics over HTTP, for whoever can reach a TCP port: GET /metrics, and nothing else. */
#ifndef SLUICE_PROC_API_HTTP_H
#define SLUICE_PROC_API_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_READING_MAX 256 /* connections whose request is not there yet; then the oldest ends */
#define HTTP_SENDING_MAX 32  /* whose answer is not gone yet; the same */
#define HTTP_METRICS     "text/plain; version=0.0.4" /* what the answer is */

struct event_base;
struct http;

/* Asks for the metrics; the number that http_answer() is told then, not 0. */
typedef uint32_t http_ask(void *context);

/* Listens nowhere yet. NULL with a line in the log. */
struct http *http_new(struct event_base *base, http_ask *ask, void *context);
/*
 * From now on at that socket, which listens already and does not block, and no longer at the one before; -1: nowhere.
 * Who is connected gets an answer all the same.
 */
void http_listen(struct http *h, int own_listener);
void http_free(struct http *h);

/* A part of an answer. False: nobody waits for that number. */
bool http_answer(struct http *h, uint32_t id, const void *bytes, size_t len, bool last);

#endif
