/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include "ipc/problem.h"
#include "table.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

enum { ANSWER_WITHIN_S = 30, CONNECT_WITHIN_S = 10 };

static enum client_status no_daemon(const char *path, int error)
{
	if (error == EACCES || error == EPERM)
		fprintf(stderr,
			"sluice: %s: you may not ask sluiced; root may, who is in the "
			"group that owns the socket, and who is in one of `access`\n",
			path);
	else
		fprintf(stderr, "sluice: sluiced is not running (%s: %s)\n", path, strerror(error));
	return CLIENT_NO_DAEMON;
}

static bool names_all(const char *template, const struct client_request *r)
{
	return (!strstr(template, "{site}") || r->site) &&
	       (!strstr(template, "{tunnel}") || r->tunnel >= 0);
}

/* Adds text to a path or a query; what means something there is encoded. */
static void add_text(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~:/", *text))
			putc(*text, f);
		else
			fprintf(f, "%%%02X", (unsigned char)*text);
	}
}

static struct {
	const char *url; /* NULL: the control socket of this host */
	const char *ca, *cert, *key;
} elsewhere;

bool client_elsewhere(const char *url, const char *ca, const char *cert, const char *key)
{
	static const char https[] = "https://";

	if (strncmp(url, https, sizeof(https) - 1) || !url[sizeof(https) - 1] ||
		strpbrk(url + sizeof(https) - 1, "/?#@"))
		return false;
	elsewhere.url = url;
	elsewhere.ca = ca;
	elsewhere.cert = cert;
	elsewhere.key = key;
	return true;
}

static void add_path(FILE *f, const char *template, const struct client_request *r)
{
	fputs(elsewhere.url ? elsewhere.url : "http://localhost", f);
	while (*template) {
		if (*template != '{') {
			putc(*template ++, f);
			continue;
		}
		/* A '/' would be of the path. */
		if (!strncmp(template, "{site}", 6) && !strchr(r->site, '/'))
			add_text(f, r->site);
		else if (!strncmp(template, "{site}", 6))
			fputs("%2F", f);
		else if (!strncmp(template, "{rule}", 6))
			add_text(f, strchr(r->rule, '/') ? "-" : r->rule);
		else if (!strncmp(template, "{tunnel}", 8))
			fprintf(f, "%d", r->tunnel);
		else if (!strncmp(template, "{token}", 7) || !strncmp(template, "{secret}", 8))
			add_text(f, strchr(r->named, '/') ? "-" : r->named);
		else
			fprintf(f, "%ld", r->revisions[0]);
		template = strchr(template, '}') + 1;
	}
}

/* What the path does not say, under the names of the contract. */
static json_t *parameters_of(
	const struct verb_row *verb, const char *template, const struct client_request *r)
{
	bool two = verb->object == OBJECT_REVISIONS && !(verb->options & VERB_ONE_REVISION);
	json_t *o = json_object();

	if (r->site && !strstr(template, "{site}"))
		json_object_set_new(o, "site", json_string(r->site));
	if (r->tunnel >= 0 && verb->object == OBJECT_ALARM)
		json_object_set_new(o, "tunnel", json_integer(r->tunnel));
	if (r->for_s)
		json_object_set_new(o, "for_s", json_integer(r->for_s));
	if (r->all)
		json_object_set_new(o, "all", json_true());
	if (r->new)
		json_object_set_new(o, "new", json_string(r->new));
	if (r->step)
		json_object_set_new(o, "step", json_string(r->step));
	if (r->prefix)
		json_object_set_new(o, "prefix", json_string(r->prefix));
	if (r->revisions[0] && !strstr(template, "{revision}"))
		json_object_set_new(o, two ? "from" : "revision", json_integer(r->revisions[0]));
	if (r->revisions[1])
		json_object_set_new(o, "to", json_integer(r->revisions[1]));
	if (r->since_s)
		json_object_set_new(o, "since_s", json_integer(r->since_s));
	if (r->confirm_s)
		json_object_set_new(o, "confirm_s", json_integer(r->confirm_s));
	if (r->role)
		json_object_set_new(o, "role", json_string(r->role));
	if (r->scope)
		json_object_set_new(o, "scope", json_string(r->scope));
	if (r->days)
		json_object_set_new(o, "days", json_integer(r->days));
	if (r->ike)
		json_object_set_new(o, "ike", json_true());
	if (r->next_start)
		json_object_set_new(o, "next_start", json_true());
	if (r->without_secrets)
		json_object_set_new(o, "without_secrets", json_true());
	if (r->force)
		json_object_set_new(o, "force", json_true());
	if (r->values)
		json_object_set(o, verb->options & VERB_SITES ? "sites" : "values", r->values);
	if (r->allow)
		json_object_set_new(o, "allow", json_string(r->allow));
	if (r->fail)
		json_object_set_new(o, "fail", json_string(r->fail));
	if (r->kinds)
		json_object_set_new(o, "kind", json_string(r->kinds));
	if (r->from)
		json_object_set_new(
			o, verb->options & VERB_AROUND ? "around" : "since", json_string(r->from));
	if (r->within_s)
		json_object_set_new(o, "within_s", json_integer(r->within_s));
	if (r->after)
		json_object_set_new(o, "after", json_integer(r->after));
	if (r->limit)
		json_object_set_new(o, "limit", json_integer(r->limit));
	if (r->dry_run)
		json_object_set_new(o, "dry_run", json_true());
	return o;
}

static void add_query(FILE *f, json_t *parameters)
{
	const char *name;
	json_t *value;
	char sign = '?';

	json_object_foreach(parameters, name, value) {
		fprintf(f, "%c%s=", sign, name);
		if (json_is_string(value))
			add_text(f, json_string_value(value));
		else if (json_is_boolean(value))
			fputs(json_is_true(value) ? "true" : "false", f);
		else
			fprintf(f, "%lld", (long long)json_integer_value(value));
		sign = '&';
	}
}

static bool has_body(const struct verb_row *verb)
{
	return verb->right == RIGHT_CHANGE && strcmp(verb_method(verb), "DELETE") != 0;
}

/* *url and *body, malloc'ed: NULL is no body. */
static void write_request(const struct client_request *r, char **url, char **body)
{
	const struct verb_row *verb = &verbs[r->verb];
	int last = VERB_PATHS - 1;
	json_t *parameters;
	size_t size;
	FILE *f = open_memstream(url, &size);

	if (!f)
		abort();
	while (last && (!verb->paths[last] || !names_all(verb->paths[last], r)))
		last--;
	parameters = parameters_of(verb, verb->paths[last], r);
	add_path(f, verb->paths[last], r);
	*body = NULL;
	if (!has_body(verb))
		add_query(f, parameters);
	else
		*body = json_object_size(parameters) ? json_dumps(parameters, JSON_COMPACT)
						     : strdup("");
	json_decref(parameters);
	fclose(f);
}

struct reply {
	char *text;
	size_t len;
};

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct reply *r = arg;
	char *bigger;

	(void)size; /* 1, says libcurl */
	if (r->len + n > CLIENT_REPLY_MAX)
		return 0;
	bigger = realloc(r->text, r->len + n + 1);
	if (!bigger)
		return 0;
	r->text = bigger;
	memcpy(r->text + r->len, bytes, n);
	r->len += n;
	return n;
}

/* What the daemon has warned of while it did what was asked, or refused it. */
static void print_warnings(const json_t *o)
{
	const json_t *text;
	size_t i;

	if (!json_object_get(o, "ok") && problem_status(o) == 200)
		return; /* a document that has them for itself */
	json_array_foreach(json_object_get(o, "warnings"), i, text)
		fprintf(stderr, "sluice: warning: %s\n", json_string_value(text));
}

static enum client_status understand(const struct reply *r, json_t **reply)
{
	json_error_t error;
	json_t *o = json_loadb(r->text ? r->text : "", r->len, 0, &error);
	const char *refusal = json_string_value(json_object_get(o, "detail"));

	if (!json_is_object(o)) {
		fprintf(stderr, "sluice: the answer of sluiced is not understood: %s\n",
			o ? "it is no object" : error.text);
		json_decref(o);
		return CLIENT_REFUSED;
	}
	print_warnings(o);
	if (problem_status(o) != 200) {
		if (json_object_get(o, "plan"))
			print_plan(json_object_get(o, "plan"));
		fflush(stdout);
		fprintf(stderr, "sluice: %s\n", refusal ? refusal : "sluiced refuses");
		json_decref(o);
		return CLIENT_REFUSED;
	}
	*reply = o;
	return CLIENT_OK;
}

static enum client_status judge(CURL *curl, CURLcode code, const char *path)
{
	long error = 0;

	switch (code) {
	case CURLE_OK:
		return CLIENT_OK;
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
		return no_daemon(path, (int)error);
	case CURLE_GOT_NOTHING:
		fprintf(stderr, "sluice: sluiced does not answer; its log may say why\n");
		return CLIENT_NO_DAEMON;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		fprintf(stderr, "sluice: %s: %s\n", path, curl_easy_strerror(code));
		return CLIENT_NO_DAEMON;
	default:
		fprintf(stderr, "sluice: no answer from sluiced: %s\n", curl_easy_strerror(code));
		return CLIENT_NO_DAEMON;
	}
}

static const char *bearer_file;

void client_show(const char *file)
{
	bearer_file = file;
}

/* The header that shows the token of the file, if there is one. False, after a message: it cannot be read. */
static bool add_bearer(struct curl_slist **headers)
{
	char line[32 + API_TOKEN_SIZE] = "Authorization: Bearer ", *token = line + strlen(line);
	FILE *f;

	if (!bearer_file)
		return true;
	f = fopen(bearer_file, "re");
	if (!f || !fgets(token, API_TOKEN_SIZE, f)) {
		fprintf(stderr, "sluice: %s: %s\n", bearer_file,
			f ? "there is no token in it" : strerror(errno));
		if (f)
			fclose(f);
		return false;
	}
	fclose(f);
	token[strcspn(token, "\r\n")] = '\0';
	*headers = curl_slist_append(*headers, line);
	explicit_bzero(line, sizeof(line));
	return *headers != NULL;
}

/* By the socket, or over TCP, where whoever answers must be who was named. */
static void set_way(CURL *curl, const char *socket_path)
{
	if (!elsewhere.url) {
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
		return;
	}
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (elsewhere.ca)
		curl_easy_setopt(curl, CURLOPT_CAINFO, elsewhere.ca);
	if (elsewhere.cert)
		curl_easy_setopt(curl, CURLOPT_SSLCERT, elsewhere.cert);
	if (elsewhere.key)
		curl_easy_setopt(curl, CURLOPT_SSLKEY, elsewhere.key);
}

/* Who is asked, for people. */
static const char *way_name(const char *socket_path)
{
	return elsewhere.url ? elsewhere.url : socket_path;
}

/* A question with all that each has; NULL after a message, with *status. */
static CURL *begin(const char *socket_path, const char *url, struct curl_slist **headers,
	enum client_status *status)
{
	CURL *curl;

	if (strlen(socket_path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		*status = no_daemon(socket_path, ENAMETOOLONG);
		return NULL;
	}
	*status = CLIENT_REFUSED;
	if (!add_bearer(headers))
		return NULL;
	curl_global_init(elsewhere.url ? CURL_GLOBAL_SSL : CURL_GLOBAL_NOTHING);
	curl = curl_easy_init();
	if (!curl || !*headers)
		abort();
	set_way(curl, socket_path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(
		curl, CURLOPT_PATH_AS_IS, 1L); /* a site may not be named "..", but be asked for */
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_WITHIN_S);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
	return curl;
}

enum client_status client_ask(
	const char *socket_path, const struct client_request *request, json_t **reply)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	enum client_status status;
	struct reply r = {0};
	char *url, *body;
	CURL *curl;

	*reply = NULL;
	write_request(request, &url, &body);
	curl = begin(socket_path, url, &headers, &status);
	if (curl) {
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ANSWER_WITHIN_S);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, &r);
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, verb_method(&verbs[request->verb]));
		if (body)
			curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		status = judge(curl, curl_easy_perform(curl), way_name(socket_path));
		if (status == CLIENT_OK)
			status = understand(&r, reply);
		curl_easy_cleanup(curl);
	}
	curl_slist_free_all(headers);
	free(url);
	free(body);
	free(r.text);
	return status;
}

/* ---- streams ---- */

struct stream {
	CURL *curl;
	struct reply line;
	char name[32]; /* of the event; "": it is one of the bus */
	void (*take)(void *context, const char *name, const json_t *event);
	void *context;
	bool begun;
	time_t heard; /* when something came last, of CLOCK_MONOTONIC */
};

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* WHATWG HTML 9.2.6, as far as sluiced makes use of it: an event has one line of data. */
static void take_line(struct stream *s)
{
	static const char name[] = "event: ", data[] = "data: ";
	const char *line = s->line.text;
	json_t *event;

	if (!*line) {
		s->name[0] = '\0';
	} else if (!strncmp(line, name, sizeof(name) - 1)) {
		snprintf(s->name, sizeof(s->name), "%s", line + sizeof(name) - 1);
	} else if (!strncmp(line, data, sizeof(data) - 1)) {
		event = json_loads(line + sizeof(data) - 1, 0, NULL);
		if (event)
			s->take(s->context, s->name, event);
		json_decref(event);
	}
}

static size_t on_stream(char *bytes, size_t size, size_t n, void *arg)
{
	struct stream *s = arg;
	long status = 0;

	s->heard = seconds();
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return on_bytes(bytes, size, n, &s->line);
	s->begun = true;
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != '\n') {
			if (on_bytes(bytes + i, 1, 1, &s->line) != 1)
				return 0;
			s->line.text[s->line.len] = '\0';
			continue;
		}
		if (s->line.text)
			take_line(s);
		s->line.len = 0;
		if (s->line.text)
			s->line.text[0] = '\0';
	}
	fflush(stdout);
	return n;
}

/* CURLOPT_XFERINFOFUNCTION, once a second at least: a comment each 15 s is too slow for a speed that libcurl measures. */
static int look_at_silence(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct stream *s = arg;

	(void)a, (void)b, (void)c, (void)d;
	return seconds() - s->heard > CLIENT_SILENT_S;
}

enum client_status client_stream(const char *socket_path, const struct client_request *request,
	bool quiet, void (*take)(void *context, const char *name, const json_t *event),
	void *context)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: text/event-stream");
	struct stream s = {.take = take, .context = context, .heard = seconds()};
	enum client_status status;
	json_t *reply = NULL;
	char *url, *body;
	CURLcode code;

	write_request(request, &url, &body);
	s.curl = begin(socket_path, url, &headers, &status);
	if (s.curl) {
		curl_easy_setopt(s.curl, CURLOPT_WRITEFUNCTION, on_stream);
		curl_easy_setopt(s.curl, CURLOPT_WRITEDATA, &s);
		curl_easy_setopt(s.curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(s.curl, CURLOPT_XFERINFOFUNCTION, look_at_silence);
		curl_easy_setopt(s.curl, CURLOPT_XFERINFODATA, &s);
		curl_easy_setopt(s.curl, CURLOPT_TCP_KEEPALIVE, 1L);
		code = curl_easy_perform(s.curl);
		if (s.begun)
			status = CLIENT_OK; /* it may end as it likes */
		else if (code != CURLE_OK && quiet)
			status = CLIENT_NO_DAEMON;
		else
			status = judge(s.curl, code, way_name(socket_path));
		if (status == CLIENT_OK && !s.begun)
			status = understand(&s.line, &reply);
		curl_easy_cleanup(s.curl);
	}
	json_decref(reply);
	curl_slist_free_all(headers);
	free(url);
	free(body);
	free(s.line.text);
	return status;
}
