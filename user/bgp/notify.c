/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/notify.h"

#include "base/utf8.h"

#include <stdio.h>

enum { SUBCODES = 16 };

struct code_row {
	const char *name;
	const char *subcodes[SUBCODES];
};

static const struct code_row codes[] = {
	[NOTIFY_HEADER] = {"Message Header Error",
		{[HEADER_NOT_SYNCHRONIZED] = "connection not synchronized",
			[HEADER_BAD_LENGTH] = "bad message length",
			[HEADER_BAD_TYPE] = "bad message type"}},
	[NOTIFY_OPEN] = {"OPEN Message Error",
		{[OPEN_BAD_VERSION] = "unsupported version",
			[OPEN_BAD_PEER_AS] = "bad peer AS",
			[OPEN_BAD_IDENTIFIER] = "bad BGP identifier",
			[OPEN_BAD_PARAMETER] = "unsupported optional parameter",
			[OPEN_BAD_HOLD_TIME] = "unacceptable hold time",
			[OPEN_BAD_CAPABILITY] = "unsupported capability"}},
	[NOTIFY_UPDATE] = {"UPDATE Message Error",
		{[UPDATE_MALFORMED_LIST] = "malformed attribute list",
			[UPDATE_UNKNOWN_WELL_KNOWN] = "unrecognized well-known attribute",
			[UPDATE_MISSING_WELL_KNOWN] = "missing well-known attribute",
			[UPDATE_BAD_FLAGS] = "attribute flags error",
			[UPDATE_BAD_LENGTH] = "attribute length error",
			[UPDATE_BAD_ORIGIN] = "invalid ORIGIN",
			[UPDATE_BAD_NEXT_HOP] = "invalid NEXT_HOP",
			[UPDATE_BAD_OPTIONAL] = "optional attribute error",
			[UPDATE_BAD_NLRI] = "invalid network field",
			[UPDATE_BAD_AS_PATH] = "malformed AS_PATH"}},
	[NOTIFY_HOLD_TIMER] = {"Hold Timer Expired", {0}},
	[NOTIFY_FSM] = {"Finite State Machine Error",
		{[1] = "unexpected message in OpenSent",
			[2] = "unexpected message in OpenConfirm",
			[3] = "unexpected message in Established"}},
	[NOTIFY_CEASE] = {"Cease", {[CEASE_MAX_PREFIXES] = "maximum number of prefixes reached",
					   [CEASE_SHUTDOWN] = "administrative shutdown",
					   [CEASE_DECONFIGURED] = "peer de-configured",
					   [CEASE_RESET] = "administrative reset",
					   [CEASE_REJECTED] = "connection rejected",
					   [CEASE_OTHER_CHANGE] = "other configuration change",
					   [CEASE_COLLISION] = "connection collision resolution",
					   [CEASE_RESOURCES] = "out of resources",
					   [CEASE_HARD_RESET] = "hard reset",
					   [CEASE_BFD_DOWN] = "BFD down"}},
	[NOTIFY_REFRESH] = {"ROUTE-REFRESH Message Error", {[1] = "invalid message length"}},
	[NOTIFY_SEND_HOLD] = {"Send Hold Timer Expired", {0}},
};

struct bgp_notify notify_make(unsigned int code, unsigned int subcode)
{
	return (struct bgp_notify){.code = (uint8_t)code, .subcode = (uint8_t)subcode};
}

struct bgp_notify notify_make_data(
	unsigned int code, unsigned int subcode, const void *data, size_t len)
{
	struct bgp_notify n = notify_make(code, subcode);

	n.data_len = (uint16_t)(len < NOTIFY_DATA_MAX ? len : NOTIFY_DATA_MAX);
	if (n.data_len)
		memcpy(n.data, data, n.data_len);
	return n;
}

struct bgp_notify notify_make_text(unsigned int subcode, const char *text)
{
	uint8_t data[NOTIFY_DATA_MAX];
	size_t len = strnlen(text, SHUTDOWN_TEXT);

	data[0] = (uint8_t)len;
	memcpy(data + 1, text, len);
	return notify_make_data(NOTIFY_CEASE, subcode, data, len + 1);
}

struct bgp_notify notify_hard(const struct bgp_notify *n)
{
	uint8_t data[NOTIFY_DATA_MAX] = {n->code, n->subcode};
	size_t len = n->data_len < sizeof(data) - 2 ? n->data_len : sizeof(data) - 2;

	memcpy(data + 2, n->data, len);
	return notify_make_data(NOTIFY_CEASE, CEASE_HARD_RESET, data, len + 2);
}

bool notify_decode(struct rd *body, struct bgp_notify *n)
{
	uint8_t code = rd_u8(body);
	uint8_t subcode = rd_u8(body);
	size_t len = rd_left(body);

	if (body->bad)
		return false;
	*n = notify_make_data(code, subcode, rd_bytes(body, len), len);
	return true;
}

void notify_encode(const struct bgp_notify *n, struct wr *w)
{
	wr_u8(w, n->code);
	wr_u8(w, n->subcode);
	wr_bytes(w, n->data, n->data_len);
}

/* RFC 9003 2: the text of a shutdown is one length byte and that many bytes of UTF-8. */
static size_t shutdown_text(const struct bgp_notify *n)
{
	if (n->code != NOTIFY_CEASE || n->data_len < 2 ||
		(n->subcode != CEASE_SHUTDOWN && n->subcode != CEASE_RESET))
		return 0;
	return n->data[0] < n->data_len ? n->data[0] : 0;
}

/* One character of it, without what a terminal, a log or the quotes around it would take for something else. */
static size_t quote_one(const uint8_t *text, size_t n, char to[5])
{
	if (!n)
		return (size_t)snprintf(to, 5, "\\x%02x", text[0]);
	if (*text == '"' || *text == '\\')
		return (size_t)snprintf(to, 5, "\\%c", text[0]);
	memcpy(to, text, n);
	return n;
}

static void append_text(char *to, size_t room, const uint8_t *text, size_t len)
{
	static const char end[] = "\"", cut[] = "...\"";
	size_t at = 0;
	char one[5];

	for (size_t i = 0; i < len;) {
		size_t n = utf8_printable(text + i, len - i), need = quote_one(text + i, n, one);

		i += n ? n : 1;
		if (at + need + (i == len ? sizeof(end) : sizeof(cut)) > room) {
			if (at + sizeof(cut) <= room)
				memcpy(to + at, cut, sizeof(cut));
			return;
		}
		memcpy(to + at, one, need);
		at += need;
	}
	memcpy(to + at, end, sizeof(end));
}

static void format_plain(const struct bgp_notify *n, bool received, char *text, size_t room)
{
	const struct code_row *row = NULL;
	const char *meaning = NULL;
	size_t len = shutdown_text(n), at;

	if (n->code < sizeof(codes) / sizeof(codes[0]))
		row = &codes[n->code];
	if (row && n->subcode < SUBCODES)
		meaning = row->subcodes[n->subcode];
	snprintf(text, room, "%s %u/%u%s%s%s%s", row && row->name ? row->name : "NOTIFICATION",
		n->code, n->subcode, meaning ? " (" : "", meaning ? meaning : "",
		meaning ? ")" : "",
		!len       ? ""
		: received ? ": peer says \""
			   : ": hub says \"");
	at = strlen(text);
	if (len)
		append_text(text + at, room - at, n->data + 1, len);
}

/* RFC 8538 3.1: the reason of a hard reset stands in its data, in the same form. */
static const char *format_hard(
	const struct bgp_notify *n, bool received, char text[NOTIFY_TEXT_SIZE])
{
	static const char head[] = "Cease 6/9 (hard reset): ";
	struct bgp_notify inner =
		notify_make_data(n->data[0], n->data[1], n->data + 2, n->data_len - 2u);

	/* One inside of another is no reason. */
	if (inner.code == NOTIFY_CEASE && inner.subcode == CEASE_HARD_RESET)
		inner.data_len = 0;
	memcpy(text, head, sizeof(head));
	format_plain(
		&inner, received, text + sizeof(head) - 1, NOTIFY_TEXT_SIZE - sizeof(head) + 1);
	return text;
}

const char *notify_format(const struct bgp_notify *n, bool received, char text[NOTIFY_TEXT_SIZE])
{
	if (n->code == NOTIFY_CEASE && n->subcode == CEASE_HARD_RESET && n->data_len >= 2)
		return format_hard(n, received, text);
	format_plain(n, received, text, NOTIFY_TEXT_SIZE);
	return text;
}
