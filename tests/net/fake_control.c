/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon for tests of the command: listens on a control socket, prints every request, and answers
 * with fixed documents. Reports grow by one second and 12,500,000 bytes each, so that rates are
 * 100 Mbit/s exactly. Some site names make it answer badly.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char sites[] =
	"{\"concentrator\":{\"name\":\"hub-1\",\"asn\":64512,\"sites\":2,\"site_rate_bps\":"
	"100000000,"
	"\"aggregate_rate_bps\":5000000000,\"uptime_s\":3725},\"sites\":["
	"{\"name\":\"store-1\",\"asn\":65010,\"state\":\"up\",\"tunnels_up\":2,\"bgp_established\":"
	"2,"
	"\"prefixes_in\":3,\"primary_egress\":1,\"rate_bps\":200000000,\"in_bytes\":1500000,"
	"\"out_bytes\":999},"
	"{\"name\":\"store-2\",\"asn\":4200000102,\"state\":\"down\",\"tunnels_up\":0,"
	"\"bgp_established\":0,\"prefixes_in\":0,\"primary_egress\":null,\"rate_bps\":100000000,"
	"\"in_bytes\":0,\"out_bytes\":0}]}";

static const char tunnels[] =
	"{\"tunnels\":[{\"site\":\"store-1\",\"tunnel\":0,\"state\":\"up\",\"peer\":\"[2001:db8::7]"
	":4500\","
	"\"local\":\"2001:db8::1\",\"ike_version\":2,\"proposal\":\"aes128gcm16-esn\",\"encap\":"
	"\"udp\","
	"\"inner_mtu\":1422,\"since\":\"2026-11-21T04:00:00Z\",\"bgp\":\"established\","
	"\"bgp_detail\":\"\",\"prefixes_in\":3,\"prefixes_out\":7,\"in_bytes\":1500000,\"out_"
	"bytes\":999,"
	"\"reason\":\"\",\"detail\":\"\"},"
	"{\"site\":\"store-2\",\"tunnel\":1,\"state\":\"down\",\"peer\":\"-\",\"local\":\"192.0.2."
	"1\","
	"\"ike_version\":0,\"proposal\":\"\",\"encap\":\"\",\"inner_mtu\":0,"
	"\"since\":\"2026-11-21T04:00:00Z\",\"bgp\":\"idle\",\"prefixes_in\":0,\"prefixes_out\":0,"
	"\"in_bytes\":0,\"out_bytes\":0,\"reason\":\"IKE_NO_PROPOSAL\","
	"\"detail\":\"no proposal matched: device offered DH 2; allowed 14-24\"}]}";

static const char routes[] =
	"{\"routes\":[{\"prefix\":\"10.1.0.0/24\",\"site\":\"store-1\",\"tunnel\":1,"
	"\"as_path\":[65010,4200000102],\"med\":50,\"candidates\":2,\"stale\":true,\"kind\":"
	"\"bgp\"},"
	"{\"prefix\":\"172.16.0.0/16\",\"site\":null,\"tunnel\":null,\"as_path\":[],\"med\":0,"
	"\"candidates\":1,\"kind\":\"hub\"}]}";

static const char sas[] =
	"{\"sas\":[{\"site\":\"store-1\",\"tunnel\":0,\"spi_in\":\"0xc0ffee01\",\"spi_out\":"
	"\"0x0badcafe\","
	"\"proposal\":\"aes128gcm16-esn\",\"in_use\":true,\"encap\":\"udp\",\"age_s\":61,"
	"\"rekey_in_s\":3000,\"expires_in_s\":90000}]}";

static const char dataplane[] =
	"{\"backend\":\"af_xdp\",\"mode\":\"XDP native\",\"workers\":2,\"processes\":["
	"{\"name\":\"hub\",\"pid\":41,\"restarts\":0,\"uptime_s\":90,\"rss_kb\":4000},"
	"{\"name\":\"bgp\",\"pid\":0,\"restarts\":3,\"uptime_s\":0,\"rss_kb\":0}],"
	"\"outside\":{\"redirected\":{\"packets\":12,\"bytes\":3400},"
	"\"unknown_spi\":{\"packets\":0,\"bytes\":0}},\"inside\":{}}";

static const char activity[] =
	"{\"events\":[{\"event_timestamp\":1763703601,\"timestamp\":\"2025-11-21 05:40:01Z\","
	"\"resource_id\":\"store-1.0_198.51.100.1\",\"site\":\"store-1\",\"tunnel\":0,"
	"\"dpd_enabled\":true,\"nat_t_detected\":false,\"ike_phase1_state\":\"Negotiating\","
	"\"ike_phase2_state\":\"Down\",\"reason_code\":\"IKE_NO_PROPOSAL\","
	"\"details\":\"offered x; allowed y\",\"peer\":\"203.0.113.10:500\",\"seq\":1}]}";
static const char bgp_events[] =
	"{\"events\":[{\"event_timestamp\":1762580440002,\"timestamp\":\"2025-11-08 "
	"05:40:40.002Z\",\"resource_id\":\"store-1.0_198.51.100.1\",\"type\":\"RouteStatus\","
	"\"status\":\"UPDATED\",\"message\":{\"prefix\":\"10.0.4.0/24\",\"asPath\":\"65010\","
	"\"med\":100},\"seq\":2}]}";

static const char since[] =
	"{\"since_s\":7200,\"sites\":[{\"name\":\"store-1\",\"since\":\"2026-11-21T04:00:00Z\","
	"\"seconds\":7210.0,\"in\":{\"offered_bps\":60000000,\"delivered_bps\":50000000,"
	"\"dropped_bps\":10000000,\"worst_second\":{\"time\":\"2026-11-21T05:00:00Z\","
	"\"offered_bps\":300000000,\"delivered_bps\":100000000,\"dropped_bps\":200000000},"
	"\"delivered\":{\"bytes\":45000000000},\"dropped\":{\"site_rate\":{\"packets\":7}}},"
	"\"out\":{\"worst_second\":null,\"dropped\":{}}}]}";

static json_t *direction(long long turn, long long offered, long long delivered)
{
	return json_pack("{s:I, s:I, s:I, s:f, s:f, s:{s:I, s:I}, s:{s:I, s:I}, s:{s:{s:I, s:I}}}",
		"offered_bps", 150000000LL, "delivered_bps", 100000000LL, "dropped_bps", 50000000LL,
		"share_of_cap_percent", 50.0, "share_of_aggregate_percent", 2.0, "offered",
		"packets", turn, "bytes", turn * offered, "delivered", "packets", turn, "bytes",
		turn * delivered, "dropped", "site_rate", "packets", turn * 5, "bytes",
		turn * (offered - delivered));
}

static const char certificates[] =
	"{\"certificates\":["
	"{\"kind\":\"hub\",\"site\":null,\"tunnel\":null,\"subject\":\"CN=hub\",\"names\":"
	"\"hub.example\",\"key\":\"ECDSA-P256\",\"not_after\":\"2026-12-01T00:00:00Z\","
	"\"expires_in_s\":90000,\"state\":\"expiring\",\"serial\":\"4f01\"},"
	"{\"kind\":\"site\",\"site\":\"store-1\",\"tunnel\":1,\"subject\":\"CN=store\",\"names\":"
	"\"\",\"key\":\"RSA-2048\",\"not_after\":\"2026-11-01T00:00:00Z\",\"expires_in_s\":-5,"
	"\"state\":\"expired\",\"serial\":\"4f02\"}],"
	"\"crls\":[{\"issuer\":\"CN=Root\",\"revoked\":2,\"next_update\":null,\"state\":\"ok\"}]}";

static const char unknown[] =
	"{\"unknown\":[{\"address\":\"203.0.113.77\",\"port\":500,\"local\":\"198.51.100.1\","
	"\"reason_code\":\"IKE_NO_PROPOSAL\",\"reason\":\"no phase 1 proposal\","
	"\"detail\":\"offered DH 2\",\"count\":12,\"first\":\"2026-11-21T04:00:00Z\","
	"\"last\":\"2026-11-21T05:00:00Z\",\"verified\":true}]}";

static json_t *report(void)
{
	static long long turn;
	json_t *in, *out;

	turn++;
	in = direction(turn, 18750000, 12500000);
	out = direction(turn, 12500000, 12500000);
	return json_pack("{s:I, s:f, s:{s:{s:I,s:I,s:f}, s:{s:I,s:I,s:f}, s:I}, s:[{s:s,s:o,s:o}]}",
		"timestamp_ns", turn * 1000000000LL, "interval_s", 1.0, "aggregate", "in",
		"offered_bps", 150000000LL, "delivered_bps", 100000000LL, "share_percent", 2.0,
		"out", "offered_bps", 100000000LL, "delivered_bps", 100000000LL, "share_percent",
		2.0, "limit_bps", 5000000000LL, "sites", "name", "store-1", "in", in, "out", out);
}

static char *answer(const json_t *request)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));
	const char *site = json_string_value(json_object_get(request, "site"));
	json_t *o;
	char *text;

	if (!verb)
		return strdup("{\"error\":\"no verb\"}");
	if (site && !strcmp(site, "nope"))
		return strdup("{\"error\":\"there is no site 'nope'\"}");
	if (site && !strcmp(site, "garbage"))
		return strdup("<html>");
	if (site && !strcmp(site, "silent"))
		return strdup("");
	if (!strcmp(verb, "show-sites"))
		return strdup(sites);
	if (!strcmp(verb, "show-tunnels"))
		return strdup(tunnels);
	if (!strcmp(verb, "show-routes"))
		return strdup(routes);
	if (!strcmp(verb, "show-sa"))
		return strdup(sas);
	if (!strcmp(verb, "show-dataplane"))
		return strdup(dataplane);
	if (!strcmp(verb, "show-log"))
		return strdup(activity);
	if (!strcmp(verb, "show-bgp-log"))
		return strdup(bgp_events);
	if (!strcmp(verb, "show-unknown"))
		return strdup(unknown);
	if (!strcmp(verb, "show-certificates"))
		return strdup(certificates);
	if (strcmp(verb, "report"))
		return strdup("{\"ok\":\"asked\"}");
	if (json_object_get(request, "since_s"))
		return strdup(since);
	o = report();
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

/* Answers in small pieces: the command must put them together. */
static void serve(int fd)
{
	enum { PIECE = 700 };
	char line[1024];
	size_t len = 0;
	ssize_t n;
	json_t *request;
	char *text;

	while (len < sizeof(line) - 1 && !memchr(line, '\n', len)) {
		n = read(fd, line + len, sizeof(line) - 1 - len);
		if (n <= 0)
			return;
		len += (size_t)n;
	}
	line[len] = '\0';
	printf("%s", line);
	fflush(stdout);
	request = json_loads(line, 0, NULL);
	text = answer(request);
	json_decref(request);
	for (size_t at = 0, left = strlen(text); left; at += (size_t)n, left -= (size_t)n) {
		n = send(fd, text + at, left < PIECE ? left : PIECE, MSG_NOSIGNAL);
		if (n <= 0)
			break;
	}
	free(text);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 8)) {
		perror(argv[1]);
		return 1;
	}
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0)
			return 1;
		serve(client);
		close(client);
	}
}
