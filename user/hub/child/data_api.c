/* SPDX-License-Identifier: Apache-2.0 */
/* What data reports, and what api asks. */
#include "hub/child/child.h"

#include "base/log.h"
#include "base/role.h"
#include "hub/api/api.h"
#include "hub/api/remote.h"
#include "hub/api/streams.h"
#include "hub/site/site.h"
#include "ipc/msg_api.h"
#include "ipc/msg_data.h"
#include "ipc/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_mode(void *context, struct imsg *message)
{
	struct hub *h = context;
	const struct imsg_data_mode *m = message->payload;

	snprintf(h->model.plane.data_mode, sizeof(h->model.plane.data_mode), "%s", m->text);
	log_info("data plane: %s", m->text);
}

static void on_path(void *context, struct imsg *m)
{
	hub_tunnel_path(context, m->payload);
}

/* They stand behind the request there as well. */
static void take_many(struct hub *h, int fd, const struct imsg_api_request *r)
{
	char *bytes = rows_unseal(fd, sizeof(*r), r->rows);

	if (!bytes) {
		log_error("api: rows that are not sealed, or are of another length");
		return;
	}
	memcpy(bytes, r, sizeof(*r));
	hub_api_request(h, (const struct imsg_api_request *)bytes);
	free(bytes);
}

/* `r` is what the message has, with the rows behind it. */
static void take_request(struct hub *h, const struct imsg *m, const struct imsg_api_request *r)
{
	if (m->fd >= 0 && m->len == sizeof(*r))
		take_many(h, m->fd, r);
	else if (m->len - sizeof(*r) != r->rows)
		log_error("api: a request of another length than it says");
	else
		hub_api_request(h, r);
}

/* api does not speak of what belongs to remote. */
static bool is_anothers(uint32_t number)
{
	if (number & API_OF_REMOTE)
		log_error("api: a number that is none of its own");
	return number & API_OF_REMOTE;
}

static void on_request(void *context, struct imsg *m)
{
	const struct imsg_api_request *r = m->payload;

	if (!is_anothers(r->id | r->client))
		take_request(context, m, r);
}

/* Its numbers become those that hub knows it by, whatever it says. */
static void on_remote_request(void *context, struct imsg *m)
{
	struct imsg_api_request *r = calloc(1, m->len);

	if (!r)
		abort();
	memcpy(r, m->payload, m->len);
	if (r->id && !(r->id & API_OF_REMOTE)) {
		r->id |= API_OF_REMOTE;
		r->client |= API_OF_REMOTE;
		take_request(context, m, r);
	} else {
		log_error("remote: a request without a number of its own");
	}
	free(r);
}

static void on_remote_gone(void *context, struct imsg *m)
{
	const struct imsg_api_client *gone = m->payload;

	remote_gone(context, gone->number);
	hub_stream_gone(context, gone->number | API_OF_REMOTE);
}

static void on_remote_taken(void *context, struct imsg *m)
{
	const struct imsg_api_taken *taken = m->payload;

	hub_stream_taken(context, taken->id | API_OF_REMOTE, taken->bytes);
}

static void on_certificate(void *context, struct imsg *m)
{
	remote_certificate(context, m->payload);
}

static void on_client_gone(void *context, struct imsg *m)
{
	const struct imsg_api_client *gone = m->payload;

	if (is_anothers(gone->number))
		return;
	hub_client_gone(context, gone->number);
	hub_stream_gone(context, gone->number);
}

static void on_taken(void *context, struct imsg *m)
{
	const struct imsg_api_taken *taken = m->payload;

	if (!is_anothers(taken->id))
		hub_stream_taken(context, taken->id, taken->bytes);
}

static const struct imsg_field mode_fields[] = {IMSG_TEXT(struct imsg_data_mode, text), {0}};

const struct imsg_row data_reports[] = {
	{IMSG_READY, .take = child_ready},
	{IMSG_DATA_MODE, sizeof(struct imsg_data_mode), .fields = mode_fields, .take = on_mode},
	{IMSG_DATA_PATH, sizeof(struct imsg_data_path), .take = on_path},
	{.type = IMSG_INVALID},
};

static const struct imsg_field request_fields[] = {
	IMSG_TEXT(struct imsg_api_request, site),
	IMSG_TEXT(struct imsg_api_request, new),
	IMSG_TEXT(struct imsg_api_request, step),
	IMSG_TEXT(struct imsg_api_request, bearer),
	IMSG_TEXT(struct imsg_api_request, secret),
	IMSG_TEXT(struct imsg_api_request, token),
	IMSG_ENUM(struct imsg_api_request, role, ROLES),
	IMSG_TEXT(struct imsg_api_request, scope),
	IMSG_BOOL(struct imsg_api_request, ike),
	IMSG_BOOL(struct imsg_api_request, force),
	IMSG_BOOL(struct imsg_api_request, next_start),
	IMSG_BOOL(struct imsg_api_request, without_secrets),
	IMSG_BOOL(struct imsg_api_request, stream),
	IMSG_BOOL(struct imsg_api_request, dry_run),
	IMSG_TEXT(struct imsg_api_request, allow),
	IMSG_TEXT(struct imsg_api_request, rule),
	IMSG_BOOL(struct imsg_api_request, all),
	{0},
};

static const struct imsg_field certificate_fields[] = {
	IMSG_TEXT(struct imsg_api_certificate, subject),
	IMSG_TEXT(struct imsg_api_certificate, fingerprint),
	{0},
};

const struct imsg_row remote_requests[] = {
	{IMSG_READY, .take = child_ready},
	{IMSG_API_REQUEST, sizeof(struct imsg_api_request), IMSG_BYTES, IMSG_MAY_FD, request_fields,
		on_remote_request},
	{IMSG_API_CERTIFICATE, sizeof(struct imsg_api_certificate), .fields = certificate_fields,
		.take = on_certificate},
	{IMSG_API_GONE, sizeof(struct imsg_api_client), .take = on_remote_gone},
	{IMSG_API_TAKEN, sizeof(struct imsg_api_taken), .take = on_remote_taken},
	{.type = IMSG_INVALID},
};

const struct imsg_row api_requests[] = {
	{IMSG_READY, .take = child_ready},
	{IMSG_API_REQUEST, sizeof(struct imsg_api_request), IMSG_BYTES, IMSG_MAY_FD, request_fields,
		on_request},
	{IMSG_API_GONE, sizeof(struct imsg_api_client), .take = on_client_gone},
	{IMSG_API_TAKEN, sizeof(struct imsg_api_taken), .take = on_taken},
	{.type = IMSG_INVALID},
};
