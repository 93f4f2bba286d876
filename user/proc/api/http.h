/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics over HTTP, for whoever can reach a TCP port: GET /metrics, and nothing else. To make them costs hub a look
 * at every counter, so it is asked at most once at a time and not while they are young, however many ask here.
 */
#ifndef SLUICE_PROC_API_HTTP_H
#define SLUICE_PROC_API_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Connections at a time; then of the address that has most of them the oldest ends. */
#define HTTP_READING_MAX 256         /* whose request is not there yet */
#define HTTP_ASKED_MAX   64          /* that wait for the metrics */
#define HTTP_SENDING_MAX 32          /* whose answer is not gone yet */
#define HTTP_HELD_MAX    (64u << 20) /* bytes of those answers */
#define HTTP_YOUNG_MS    1000        /* so long the metrics are given to others, too */
#define HTTP_METRICS     "text/plain; version=0.0.4" /* what the answer is */

struct event_base;
struct http;
struct server_answer;

/* Asks for the metrics; the number that http_answer() is told then, not 0. */
typedef uint32_t http_ask(void *context);

/* Listens nowhere yet. NULL with a line in the log. */
struct http *http_new(struct event_base *base, http_ask *ask, void *context);
/*
 * From now on at that socket, which listens already and does not block, and no longer at the one before; -1: nowhere.
 * Who is connected, or waits to be, gets an answer all the same.
 */
void http_listen(struct http *h, int own_listener);
void http_free(struct http *h);

/* A part of an answer; the last one says what all of it is. False: it was not asked for here. */
bool http_answer(struct http *h, uint32_t id, const void *bytes, size_t len,
	const struct server_answer *last);

#endif
