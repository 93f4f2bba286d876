/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice doctor`: what is known now, as whoever asks may see it, and what the rules make of that. */
#include "hub/api/access.h"
#include "hub/api/api.h"

#include "base/clock.h"
#include "doctor/doctor.h"
#include "view/view.h"

json_t *hub_doctor(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct doctor_snapshot s = {.now_ns = clock_now(), .wall_ns = clock_wall()};
	struct doctor_report *report;
	json_t *document;

	hub_look_at_tunnels(h);
	hub_look_at_processes(h);
	s.model = access_seen(h);
	s.whole = s.model == &h->model;
	report = doctor_look(&s);
	document = view_doctor(s.model, report, site, r->tunnel);
	doctor_free(report);
	access_redact(h, access_asker(h), document);
	return document;
}
