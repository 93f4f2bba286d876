/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents of the control socket and the metrics, of the model in golden_model.h, against the files in
 * tests/golden. `make golden` writes the files anew; what differs is then seen in git diff.
 */
#define GOLDEN "tests/golden"
#include "golden_model.h"

#include "hub/api/tokens.h"
#include "ipc/verbs.h"
#include "store/inside.h"

#include <ctype.h>

#define DIGITS16 "0123456789abcdef"

/* ---- the documents ---- */

static const struct model *const model = &golden.hub.model;

static json_t *sites(void)
{
	return view_sites(model, NULL);
}

static json_t *one_site(void)
{
	return view_sites(model, &golden.sites[0]);
}

static json_t *tunnels(void)
{
	return view_tunnels(model, NULL);
}

static json_t *routes(void)
{
	return view_routes(model, NULL);
}

static json_t *sas(void)
{
	return view_sas(model, NULL);
}

static json_t *endpoints(void)
{
	return view_endpoints(model);
}

static json_t *dataplane(void)
{
	return view_dataplane(model);
}

static json_t *dataplane_xfrm(void)
{
	struct model_plane *p = &golden.hub.model.plane, before = *p;
	struct model_host *host = &golden.hub.model.host, host_before = *host;
	json_t *document;

	p->kernel_esp = true;
	p->bfd_unhurried = 0;
	host->outside_mode[1] = "generic";
	snprintf(p->data_mode, sizeof(p->data_mode), "kernel ESP");
	document = view_dataplane(model);
	*p = before;
	*host = host_before;
	return document;
}

static json_t *unknown(void)
{
	return view_unknown(model);
}

static json_t *activity(void)
{
	return view_log(model, NULL, EVENT_ACTIVITY);
}

static json_t *bgp_log(void)
{
	return view_log(model, NULL, EVENT_BGP);
}

static json_t *report(void)
{
	return view_report(model, NULL);
}

static json_t *report_since(void)
{
	return view_report_since(model, NULL, 7200);
}

static json_t *certificates(void)
{
	return certificates_show(&golden.hub);
}

static json_t *closed(void)
{
	struct closed_view list[] = {
		{.prefix = prefix("169.254.101.2/32"), .tunnel = 2, .inside = true},
		{.prefix = prefix("10.4.0.0/24"), .tunnel = 8, .withdrawn = true, .ends_in_s = 250},
		{.prefix = prefix("10.2.0.0/24"), .tunnel = 3},
	};

	return view_closed(model, NULL, list, 3);
}

static struct bgp_path_view path(uint32_t number, enum path_fate fate)
{
	return (struct bgp_path_view){.prefix = prefix("10.1.0.0/24"),
		.tunnel = number,
		.fate = (uint8_t)fate,
		.source = SOURCE_BGP,
		.origin = 2,
		.as_path_len = 1,
		.as_path = {65010},
		.med = 50,
		.identifier = 0x0a000001,
		.owner = UINT32_MAX};
}

/* As hub/api/bgp_query.c puts them together. */
static json_t *route(void)
{
	struct bgp_path_view best = path(1, PATH_BEST), other = path(0, PATH_MED),
			     looped = path(8, PATH_REFUSED), refused = path(9, PATH_REFUSED);
	json_t *list = json_array(), *document;
	struct ip_prefix own = prefix("169.254.100.2/32");

	best.stale = true;
	looped.verdict = POLICY_OWN_AS;
	refused.verdict = UINT8_MAX; /* which bgp cannot mean */
	json_array_append_new(list, view_path(model, &best));
	json_array_append_new(list, view_path(model, &other));
	json_array_append_new(list, view_path(model, &looped));
	json_array_append_new(list, view_path(model, &refused));
	document = view_own(model, &own, list);
	json_object_set_new(document, "paths", list);
	return document;
}

static json_t *bgp(void)
{
	struct bgp_path_view v = path(9, PATH_QUARANTINED);
	json_t *document = view_bgp(model, NULL);

	v.owner = 0;
	v.rival = prefix("10.1.0.0/16");
	v.declared = true;
	json_object_set_new(document, "quarantined", json_pack("[o]", view_path(model, &v)));
	return document;
}

#define PLAN_HUB                                                                                   \
	"concentrator: { name: hub, endpoints: [ { device: wan0, addresses: [198.51.100.1] }, "    \
	"{ device: wan1, addresses: [198.51.101.1] } ], "                                          \
	"site_rate: "
#define PLAN_TUNNEL(n, more)                                                                       \
	"{ inside: 169.254.10." #n "/30, identity: t" #n ".example, psk: 'file:/k'" more " }"

static json_t *plan_between(const char *before, const char *after)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *was = config_parse("before", before, strlen(before), error), *is;
	struct findings *found;
	struct plan *plan;
	json_t *document;

	if (!was)
		fail_msg("%s", error);
	is = config_parse("after", after, strlen(after), error);
	if (!is)
		fail_msg("%s", error);
	plan = plan_make(was, is, NULL);
	found = findings_make(
		&(struct findings_of){.config = was}, &(struct findings_of){.config = is});
	document = view_plan(plan, found, json_pack("[s, s]", "sluice.yaml", "sites/new.yaml"));
	findings_free(found);
	plan_free(plan);
	config_free(was);
	config_free(is);
	return document;
}

/* One of each: a site that comes, one that goes, keys of every effect. */
static json_t *plan(void)
{
	return plan_between(PLAN_HUB
		"50M }\nsites:\n"
		"- { name: a, asn: 65001, tunnels: [" PLAN_TUNNEL(0, ", med: 5") "," PLAN_TUNNEL(
			4, "") "] }\n"
			       "- { name: gone, asn: 65002, tunnels: [" PLAN_TUNNEL(8, "") "] }\n",
		PLAN_HUB
		"60M, workers: 2 }\nsites:\n"
		"- { name: a, asn: 65001, tunnels: [" PLAN_TUNNEL(
			0, ", med: 7, p1_lifetime: 7200") "," PLAN_TUNNEL(4,
			", auth: psk, esn: false") "] }\n"
						   "- { name: new, asn: 65003, as_override: true, "
						   "tunnels: [" PLAN_TUNNEL(12, "") "] }\n");
}

/* That of a site alone, which nothing keeps from being applied. */
static json_t *diff(void)
{
	return plan_between(PLAN_HUB
		"50M }\nsites:\n"
		"- { name: a, asn: 65001, tunnels: [" PLAN_TUNNEL(0, "") "] }\n",
		PLAN_HUB "50M }\nsites:\n"
			 "- { name: a, asn: 65001, rate: 5M, bfd: on, tunnels: [" PLAN_TUNNEL(
				 0, "") "] }\n");
}

/* The sites of the model, and a device that is slower than what goes over it. */
static json_t *migration(void)
{
	struct migration g;

	migration_look(&g, model, model->sites[0], model->sites[1]);
	return view_migration(&g);
}

static json_t *failure_by(const char *text)
{
	struct failure what;
	struct failure_effect *effect;
	json_t *document;

	assert_true(failure_read(text, &what));
	golden.hub.model.host.speed_bps[1] = 10000000;
	for (uint32_t n = 0; n < 2; n++) {
		tunnel(n)->before = (struct tunnel_sample){NOW - CLOCK_SECOND, {0}};
		tunnel(n)->latest = (struct tunnel_sample){NOW, {1000000, 2000000}};
	}
	effect = failure_of(model, &what);
	document = view_failure(model, effect);
	free(effect);
	return document;
}

static json_t *plan_fail(void)
{
	return failure_by("endpoint:0");
}

static json_t *plan_fail_hub(void)
{
	return failure_by("hub");
}

static json_t *history(void)
{
	return view_history(3,
		json_pack("[{s:i, s:s, s:{s:i, s:s}, s:s, s:i}, {s:i}, {s:i, s:s, s:s, s:s}]",
			"number", 3, "time", "2026-11-30T00:06:12Z", "who", "uid", 1000, "token",
			"0badcafe", "why", "apply", "confirm_by_s", 1796000000, "number", 2,
			"number", 1, "time", "2026-11-29T23:00:00Z", "who", "sluiced", "why",
			"the first start"),
		"revision 4 cannot be used: its revision.json cannot be read; the newest one that "
		"can be used is in force");
}

/* Of a file as hub/api/tokens.c writes it. */
static json_t *token_list(void)
{
	char directory[] = "/tmp/sluice-golden.XXXXXX", path[64];
	struct tokens *tokens;
	json_t *document;
	FILE *f;

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/tokens.json", directory);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("[{\"id\": \"0badcafe\", \"role\": \"operator\", \"scope\": \"north\", \"made\": "
	      "1796000000, \"until\": 1798592000, \"sha256\": "
	      "\"" DIGITS16 DIGITS16 DIGITS16 DIGITS16 "\"},\n"
	      "{\"id\": \"0000000a\", \"role\": \"viewer\", \"scope\": \"\", \"made\": 1, "
	      "\"until\": "
	      "1798592001, \"sha256\": \"" DIGITS16 DIGITS16 DIGITS16 DIGITS16 "\"}]",
		f);
	fclose(f);
	tokens = tokens_new(directory);
	document = tokens_list(tokens, 1796000001);
	tokens_free(tokens);
	(void)remove(path);
	(void)remove(directory);
	return document;
}

/* As hub/api/secret_verbs.c makes it. */
static json_t *secret_list(void)
{
	json_t *list = json_array();

	json_array_append_new(list,
		json_pack("{s:s, s:s, s:s, s:b, s:[{s:s, s:i, s:s, s:s}, {s:s, s:i, s:s, s:s}, "
			  "{s:s, s:i, s:s}]}",
			"name", "store-1.0", "set", "2026-11-30T00:06:12Z", "read",
			"2026-11-30T00:07:00Z", "waits", 0, "used_by", "site", "store-1", "tunnel",
			0, "as", "psk", "shown", "present", "site", "store-2", "tunnel", 1, "as",
			"psk", "shown", "previous", "site", "store-2", "tunnel", 1, "as",
			"bgp_password"));
	json_array_append_new(list,
		json_pack("{s:s, s:s, s:b, s:[{s:s, s:i, s:s, s:s}, {s:s, s:i, s:s, s:s}]}", "name",
			"store-1.0.previous", "set", "2026-11-29T00:06:12Z", "waits", 0, "used_by",
			"site", "store-1", "tunnel", 0, "as", "psk_previous", "shown", "present",
			"site", "store-2", "tunnel", 1, "as", "psk_previous", "shown", "previous"));
	json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:[]}", "name", "store-3.next",
					    "set", "2026-11-30T00:06:12Z", "waits", 1, "used_by"));
	return json_pack("{s:o}", "secrets", list);
}

static json_t *token_create(void)
{
	return json_pack("{s:s, s:s}", "ok",
		"token 0badcafe: operator of group=north, until 2026-12-30T00:06:12Z; it is not "
		"told "
		"again",
		"token", "sluice_0badcafe_" DIGITS16 DIGITS16 DIGITS16 DIGITS16);
}

static const struct document_view places[] = {
	{.site = "store-1", .file = "/etc/sluice/sites/store-1.yaml", .etag = 37, .pending = true},
	{.site = "store-2",
		.file = "/etc/sluice/sluice.yaml",
		.etag = 3,
		.line = 42,
		.deleting = true},
};

static json_t *site_list(void)
{
	json_t *o;

	golden.sites[0].conf.labels =
		(struct labels_conf){2, {{"region", "north"}, {"cost-centre", "4711"}}};
	golden.sites[1].conf.site_class = SITE_GATEWAY;
	o = view_site_list(model, places, 2, json_pack("[s]", "store-8"),
		json_pack("{s:i}", "store-9", 1764460800));
	golden.sites[1].conf.site_class = SITE_CONCENTRATOR;
	return o;
}

/* What two kinds of device are told: all that there is to tell, and as little as can be. */
static json_t *device_of(const char *more)
{
	static const struct view_identities ids[TUNNELS_PER_SITE] = {
		{{IKE_ID_FQDN, 15, "hub.example.net"}, {IKE_ID_FQDN, 10, "t4.example"}},
		{{IKE_ID_IPV4, 4, {198, 51, 101, 1}}, {IKE_ID_NONE, 0, {0}}}};
	char text[2048], error[CONFIG_ERROR_SIZE];
	struct config *c;
	json_t *device;

	snprintf(text, sizeof(text),
		PLAN_HUB "50M }\nsites:\n- { name: new, asn: 65001, %stunnels: [" PLAN_TUNNEL(4,
			", inside6: 'fd53:6c75:6963::4/126', address: 203.0.113.7, "
			"p1_dh_groups: [14], esn: off, ppk: 'file:/p', ppk_identity: x, "
			"ike_versions: [ikev2]") "," PLAN_TUNNEL(8, "") "] }\n",
		more);
	c = config_parse("site", text, strlen(text), error);
	if (!c)
		fail_msg("%s", error);
	device = view_device(c, config_site(c, "new"), ids);
	config_free(c);
	return device;
}

static json_t *site_show(void)
{
	static const char text[] = "# the shop\nasn: 65010\ntunnels: [ { med: 5 } ]\n";

	json_t *o = view_site_document(&places[1],
		json_pack("{s:s, s:[{s:s}]}", "asn", "65010", "tunnels", "med", "5"), text,
		strlen(text));

	json_object_set_new(o, "device",
		device_of("class: gateway, routing: static, static_routes: [10.1.0.0/24], "));
	return o;
}

static json_t *site_create(void)
{
	return json_pack("{s:s, s:i, s:i, s:s, s:s, s:[s], s:[s, s], s:{s:s}, s:o}", "ok",
		"revision 7: 1 site added", "revision", 7, "etag", 7, "site", "new", "file",
		"/etc/sluice/sites/new.yaml", "keys", "/etc/sluice/psk/new.0", "needs",
		"tunnel 1 is taken from any address, by its identity 't8.example'",
		"the device needs the key of /etc/sluice/psk/new.0", "document", "asn", "65001",
		"device", device_of("bgp_password: 'file:/b', "));
}

static json_t *site_create_dry_run(void)
{
	json_t *o = diff(), *made = site_create();

	json_object_set(o, "document", json_object_get(made, "document"));
	json_object_set(o, "device", json_object_get(made, "device"));
	json_object_set(o, "needs", json_object_get(made, "needs"));
	json_decref(made);
	return o;
}

static json_t *site_export(void)
{
	return json_pack(
		"{s:[{s:s, s:{s:s, s:[s, s], s:{s:s}, s:[{s:s}, {s:s}]}}, {s:s, s:{s:s}}]}",
		"sites", "site", "store-1", "values", "asn", "65010", "prefixes", "10.1.0.0/24",
		"fd00:10:1::/64", "labels", "region", "north, by the sea", "tunnels", "psk",
		"file:/etc/sluice/psk/store-1.0", "med", "5", "site", "store-2", "values", "asn",
		"65011");
}

static json_t *hub_show(void)
{
	static const char main
		[] = "concentrator:\n  networks: [10.0.0.0/16, fd00:10::/48]\n",
	    own[] = "# commands\ndefaults: { tunnel: { med: 70, proposal_order: lowest-first } }\n";
	struct hub_view v = {.etag = 38,
		.file = "/etc/sluice/hub.yaml",
		.pending = true,
		.sources = {{"/etc/sluice/sluice.yaml", inside_keys(main, strlen(main))},
			{"/etc/sluice/hub.yaml", inside_keys(own, strlen(own))}}};
	json_t *o = view_hub(&v, model->config, tree_read(own, strlen(own)));

	json_decref(v.sources[0].keys);
	json_decref(v.sources[1].keys);
	return o;
}

/* What happened to two sites in the same minute. */
static json_t *golden_events(json_t *others)
{
	static const struct bus_event all[] = {
		{.number = 1796043777566719,
			.wall_ns = UINT64_C(1796436780123456789),
			.kind = BUS_CONFIG,
			.tunnel = -1,
			.reason = "CONFIG_APPLIED",
			.detail = "revision 7: 0 sites added, 1 changed, 0 removed, 5 untouched: "
				  "apply",
			.actor = "uid 0"},
		{.number = 1796043777566721,
			.wall_ns = UINT64_C(1796436781000000000),
			.kind = BUS_BGP,
			.severity = BUS_WARNING,
			.site = "store-1",
			.group = "north",
			.left_out = 3,
			.reason = "BGP_DOWN",
			.detail = "hold timer expired"},
		{.number = 1796043777566722,
			.wall_ns = UINT64_C(1796436782000000000),
			.kind = BUS_ACTIVITY,
			.severity = BUS_WARNING,
			.site = "store-2",
			.tunnel = 1,
			.reason = "DPD_TIMEOUT",
			.detail = "the peer did not answer"},
	};
	json_t *list = json_array();

	for (size_t i = 0; i < (others ? 2 : 3); i++)
		json_array_append_new(list, view_event(&all[i]));
	if (others)
		view_others(others, &all[2]);
	return list;
}

static json_t *event_page(void)
{
	return view_events(golden_events(NULL), true, 1796043777566722);
}

/* Thirty days of a site, as watch has summed them up. */
static json_t *report_long(void)
{
	struct imsg_watch_sum m = {.step_s = 300,
		.from_s = 1793844720,
		.covered_s = 30 * 86400,
		.sum.v = {[SAMPLE_UP] = 30 * 86400,
			[SAMPLE_UP + 1] = 29 * 86400,
			[SAMPLE_OFFERED] = 500000000,
			[SAMPLE_DELIVERED] = 499000000,
			[SAMPLE_DROPPED] = 1000000,
			[SAMPLE_WORST_AT] = 1796436661,
			[SAMPLE_WORST] = 50000,
			[SAMPLE_WORST + 1] = 150000,
			[SAMPLE_WORST + 2] = 100000,
			[SAMPLE_OF_REASON(0, 0)] = 4711},
		.kbps = {{1500, 80000, 99000}},
		.worst = {{1796436600, 300, 450000000, 400000000, 50000000}}};

	return json_pack("{s:i, s:[o]}", "since_s", 30 * 86400, "sites",
		view_report_sum(model->sites[0], &m));
}

static json_t *graph(void)
{
	static const struct watch_point points[] = {{0},
		{900, {900, 0}, {1000000, 2000}, {900000, 2000}, {100000, 0}},
		{900, {900, 450}, {4000000, 9000000}, {4000000, 9000000}, {0, 0}}};
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		json_array_append_new(list, view_graph_point(1796436000 + i * 900, &points[i]));
	return view_graph("store-1", 1796436000, 1796438700, list);
}

static json_t *alarms(void)
{
	static const struct alarm_row rows[] = {
		{.key = {"over_rate", "store-1", -1}, .state = ALARM_OK, .since_s = 1796400000},
		{.key = {"site_down", "store-1", -1},
			.state = ALARM_ALARM,
			.since_s = 1796471000,
			.acknowledged = true,
			.by = "uid 0"},
		{.key = {"endpoint_down", "", -1},
			.state = ALARM_ALARM,
			.since_s = 1796470000,
			.value = 1},
		{.key = {"tunnel_down", "store-1", 1},
			.state = ALARM_ALARM,
			.since_s = 1796471500,
			.value = 0.25,
			.silenced_until_s = 1796475600},
		{.key = {"tunnel_down", "store-1", 0}, .state = ALARM_INSUFFICIENT_DATA},
	};
	struct alarm_table *t = &golden.hub.model.alarms;
	json_t *document;

	alarm_rules_of(&t->rules, NULL, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(alarm_table_put(t, &rows[i]));
	document = view_alarms(model, NULL, true, true);
	alarm_table_fini(t);
	return document;
}

static json_t *doctor_of(const struct model *m, const struct site *site, int tunnel)
{
	struct doctor_snapshot s = {.model = m, .whole = true, .now_ns = NOW, .wall_ns = WALL};
	struct doctor_report *r = doctor_look(&s);
	json_t *o = view_doctor(m, r, site, tunnel);

	doctor_free(r);
	return o;
}

static json_t *doctor(void)
{
	return doctor_of(model, NULL, -1);
}

static json_t *doctor_one(void)
{
	struct model m = *model;

	m.host.ike_unheard = m.host.inside_gone = false;
	m.unknown.places[0].local = address("198.51.101.1");
	return doctor_of(&m, &golden.sites[5], 1);
}

static json_t *timeline(void)
{
	json_t *others = json_object(), *events = golden_events(others),
	       *o = view_timeline("store-1", UINT64_C(1796436000000000000),
		       UINT64_C(1796437800000000000), events, false, others, true);

	json_decref(others);
	return o;
}

static const struct {
	const char *name; /* of the file, and of the verb that it answers */
	json_t *(*make)(void);
} documents[] = {
	{"show-sites", sites},
	{"show-sites-one", one_site},
	{"show-tunnels", tunnels},
	{"show-routes", routes},
	{"show-route", route},
	{"show-bgp", bgp},
	{"show-sa", sas},
	{"show-endpoints", endpoints},
	{"show-dataplane", dataplane},
	{"show-dataplane-xfrm", dataplane_xfrm},
	{"show-log", activity},
	{"show-bgp-log", bgp_log},
	{"show-certificates", certificates},
	{"show-unknown", unknown},
	{"show-closed", closed},
	{"plan", plan},
	{"site-migration", migration},
	{"plan-fail", plan_fail},
	{"plan-fail-hub", plan_fail_hub},
	{"diff", diff},
	{"history", history},
	{"secret-list", secret_list},
	{"token-list", token_list},
	{"token-create", token_create},
	{"site-list", site_list},
	{"site-show", site_show},
	{"site-create", site_create},
	{"site-create-dry-run", site_create_dry_run},
	{"hub-show", hub_show},
	{"site-export", site_export},
	{"events", event_page},
	{"timeline", timeline},
	{"alarms", alarms},
	{"doctor", doctor},
	{"doctor-one", doctor_one},
	{"graph", graph},
	{"report-long", report_long},
	{"report", report},
	{"report-since", report_since},
};

#define DOCUMENTS (sizeof(documents) / sizeof(documents[0]))

/* ---- the files ---- */

/* `made` is the file, or becomes it. */
static void judge(const char *name, const char *suffix, const char *made)
{
	char file[128];
	size_t len, at = 0, line = 1;
	char *kept;

	snprintf(file, sizeof(file), GOLDEN "/%s.%s", name, suffix);
	if (getenv("SLUICE_GOLDEN")) {
		FILE *f = fopen(file, "we");

		assert_non_null(f);
		assert_true(fputs(made, f) >= 0);
		fclose(f);
		return;
	}
	kept = read_file(file, &len);
	while (kept[at] && kept[at] == made[at])
		line += kept[at++] == '\n';
	if (kept[at] || made[at])
		fail_msg("%s:%zu is not what is made now; `make golden` writes it anew:\n%.200s\n"
			 "---\n%.200s",
			file, line, kept + at, made + at);
	free(kept);
}

static char *text_of(json_t *own_document)
{
	char *text = json_dumps(own_document, JSON_INDENT(1) | JSON_REAL_PRECISION(12)), *all;

	json_decref(own_document);
	assert_non_null(text);
	assert_true(asprintf(&all, "%s\n", text) > 0);
	free(text);
	return all;
}

static void documents_are_as_they_were(void **state)
{
	(void)state;
	for (size_t i = 0; i < DOCUMENTS; i++) {
		char *text = text_of(documents[i].make());

		judge(documents[i].name, "json", text);
		free(text);
	}
}

/* What may be asked and shows something. */
static void every_verb_has_a_document(void **state)
{
	(void)state;
	for (int v = 0; v < API_VERBS; v++) {
		char name[VERB_NAME_SIZE];
		size_t i = 0;

		if (!verbs[v].words || verbs[v].right != RIGHT_READ)
			continue;
		while (i < DOCUMENTS && strcmp(documents[i].name, verb_name(&verbs[v], name)))
			i++;
		if (i == DOCUMENTS)
			fail_msg("what %s answers is in no golden document", verbs[v].words);
	}
}

static char *metrics_text(void)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	view_metrics_common(f, model);
	view_metrics(f, model);
	view_metrics_hub(f, model);
	certificates_metrics(f, &golden.hub);
	view_unknown_metrics(f, model);
	view_endpoints_metrics(f, model);
	fclose(f);
	return text;
}

static void metrics_are_as_they_were(void **state)
{
	char *text = metrics_text();

	(void)state;
	judge("metrics", "prom", text);
	free(text);
}

/* ---- whether the model is rich enough ---- */

/* Where the text of C that begins at `at` ends: at its closing quote, or at what is no text after all. */
static char *end_of_text(char *at)
{
	while (*at && *at != '"' && *at != '\n')
		at += at[0] == '\\' && at[1] ? 2 : 1;
	return at;
}

/*
 * A word of the code that is no key and no value of any document is seen by no test: what it belongs to happens in none
 * of them. Names of metrics have no quotes around them.
 */
static void assert_words_are_seen(const char *source, const char *documents_text)
{
	bool metrics = strstr(source, "metrics");
	size_t len;
	char *code = read_file(source, &len), *at = code, *end;

	assert_true(len > 0);
	for (; (at = strchr(at, '"')); at = end + (*end != '\0')) {
		size_t n = strspn(++at, "abcdefghijklmnopqrstuvwxyz0123456789_");
		char word[80];

		end = end_of_text(at);
		if (at + n != end || n < 2)
			continue;
		snprintf(word, sizeof(word), metrics ? "%.*s" : "\"%.*s\"", (int)n, at);
		if (!strstr(documents_text, word))
			fail_msg("%s says %s, which no golden document has", source, word);
	}
	free(code);
}

static void every_word_is_in_a_document(void **state)
{
	static const char *const sources[] = {"user/view/alarms.c", "user/view/bgp.c",
		"user/view/closed.c", "user/view/endpoints.c", "user/view/events.c",
		"user/view/failure.c", "user/view/hub.c", "user/view/metrics.c",
		"user/view/migration.c", "user/view/paths.c", "user/view/plan.c",
		"user/view/reason.c", "user/view/report.c", "user/view/show.c",
		"user/view/site_documents.c", "user/view/sums.c", "user/view/unknown.c",
		"user/hub/secret/certificates_show.c"};
	char *all = calloc(1, 1 << 20);

	(void)state;
	assert_non_null(all);
	for (size_t i = 0; i <= DOCUMENTS; i++) {
		char *text = i < DOCUMENTS ? text_of(documents[i].make()) : metrics_text();

		assert_true(strlen(all) + strlen(text) < 1 << 20);
		strcat(all, text);
		free(text);
	}
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		assert_words_are_seen(sources[i], all);
	free(all);
}

static int begin(void **state)
{
	(void)state;
	golden_begin();
	return 0;
}

static int end(void **state)
{
	(void)state;
	golden_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_as_they_were),
		cmocka_unit_test(every_verb_has_a_document),
		cmocka_unit_test(metrics_are_as_they_were),
		cmocka_unit_test(every_word_is_in_a_document),
	};

	return cmocka_run_group_tests_name("golden", tests, begin, end);
}
