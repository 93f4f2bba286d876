/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/metric.h"

#define DAY_S 86400.0

/* A second may have been missed, or seen twice: the one that is missing was as the others. */
static double share(uint64_t seconds, const struct sample *s)
{
	return seconds + 1 >= s->covered_s ? 1 : (double)seconds / (double)s->covered_s;
}

static bool was_seen(const struct sample *s)
{
	return s->covered_s >= ALARM_MINUTE_S / 2;
}

static bool counts(const struct alarm_facts *f, int t)
{
	return f->configured[t] && !f->quiet[t];
}

static bool tunnel_state(
	const struct sample *s, const struct alarm_facts *f, int tunnel, double *value)
{
	double sum = 0;
	int n = 0;

	for (int t = 0; t < TUNNELS_PER_SITE; t++) {
		if ((tunnel >= 0 && t != tunnel) || !counts(f, t))
			continue;
		sum += share(s->v[SAMPLE_UP + t], s);
		n++;
	}
	*value = n ? sum / n : 0;
	return n && was_seen(s);
}

static bool single_tunnel(const struct sample *s, const struct alarm_facts *f, double *value)
{
	uint64_t seconds = (uint64_t)f->single_s[0] + f->single_s[1];

	*value = share(seconds, s);
	return counts(f, 0) && counts(f, 1) && was_seen(s);
}

static bool data(const struct sample *s, const struct alarm_facts *f, int tunnel, int direction,
	double *value)
{
	bool any = false;

	*value = 0;
	for (int t = 0; t < TUNNELS_PER_SITE; t++) {
		if ((tunnel >= 0 && t != tunnel) || !counts(f, t))
			continue;
		*value += (double)s->v[SAMPLE_OF_TUNNEL(SAMPLE_BYTES, t, direction)];
		any = true;
	}
	return any;
}

static double dropped(const struct sample *s)
{
	double sum = 0;

	for (int i = SAMPLE_DROPS; i < SAMPLE_FIELDS; i++)
		sum += (double)s->v[i];
	return sum;
}

bool alarm_measure(enum alarm_metric metric, const struct sample *s, const struct alarm_facts *f,
	int tunnel, double *value)
{
	*value = 0;
	switch (metric) {
	case ALARM_TUNNEL_STATE:
		return tunnel_state(s, f, tunnel, value);
	case ALARM_SINGLE_TUNNEL:
		return single_tunnel(s, f, value);
	case ALARM_DATA_IN:
		return data(s, f, tunnel, 0, value);
	case ALARM_DATA_OUT:
		return data(s, f, tunnel, 1, value);
	case ALARM_DROPPED:
		*value = dropped(s);
		return true;
	case ALARM_OVER_RATE:
		*value = (double)f->over_rate;
		return true;
	case ALARM_ENDPOINTS_DOWN:
		*value = f->endpoints_down;
		return was_seen(s);
	case ALARM_PROCESS_RESTARTS:
		*value = f->restarts;
		return true;
	case ALARM_EVENTS_LOST:
		*value = f->events_lost;
		return true;
	case ALARM_CERTIFICATE_DAYS:
		*value = (double)f->certificate_s / DAY_S;
		return f->has_certificates;
	default:
		return false;
	}
}
