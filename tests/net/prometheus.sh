#!/bin/bash
# What Prometheus makes of the metrics: promtool reads them, each alert of tools/prometheus comes when it should, and a
# Prometheus that reads a hub answers all that the dashboard of tools/grafana asks.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slpr LAB=$(mktemp -d /tmp/slpr.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

RULES=(tools/prometheus/*.rules.yml)
names_in() { grep -oh 'sluice_[a-z0-9_]*' "$@" | sort -u; }
strays() { # NAMES LIST WHAT: says which of the names are not in the list
	local stray; stray=$(comm -23 <(echo "$1") <(echo "$2"))
	[ -z "$stray" ] || { echo "$3: ${stray//$'\n'/ }"; return 1; }
}
golden=$(sed -n 's/^# TYPE \(sluice_[a-z0-9_]*\) .*/\1/p' tests/golden/metrics.prom | sort -u)

case_ "promtool finds nothing wrong with the metrics" promtool check metrics <tests/golden/metrics.prom
case_ "nor with the alerts" promtool check rules "${RULES[@]}"
case_ "each alert comes when it should, and not before" promtool test rules tests/prometheus/rules.test.yml
tested() { strays "$(sed -n 's/.*- alert: //p' "${RULES[@]}" | sort -u)" \
	"$(sed -n 's/.*alertname: //p' tests/prometheus/rules.test.yml | sort -u)" "without a test"; }
case_ "there is a test of each" tested
case_ "alerts and dashboard ask for what there is" \
	strays "$(names_in "${RULES[@]}" tools/grafana/sluice.json)" "$golden" "there is no such metric"
lab_hub_net
hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1
cat >"$LAB/prometheus.yml" <<-EOF
	global: {scrape_interval: 1s, evaluation_interval: 1s}
	rule_files: [$PWD/tools/prometheus/*.rules.yml]
	scrape_configs:
	  - {job_name: sluice, static_configs: [{targets: ["127.0.0.1:9469"]}]}
EOF
in_hub prometheus --config.file="$LAB/prometheus.yml" --storage.tsdb.path="$LAB/tsdb" --web.listen-address=127.0.0.1:9490 \
	>"$LAB/prometheus.log" 2>&1 </dev/null &
echo $! >>"$LAB/pids"
ask() { in_hub curl -sf --data-urlencode "query=$1" http://127.0.0.1:9490/api/v1/query; }
value_is() { [ "$(ask "$1" | jq -r '.data.result[0].value[1]')" = "$2" ]; }
must "both tunnels and BGP sessions are up" until_true 60 all_up 2
case_ "Prometheus reads the hub: a site that is up" until_true 30 value_is 'sluice_site_state{site="site-1",concentrator="lab"}' 1
case_ "and its sessions" until_true 10 value_is 'count(sluice_tunnel_bgp_state == 6)' 2
sleep 3 # two samples of what is counted

# What is wrong in this lab only, or not at all, has no lines.
may_be_empty='== 0|> 0|< 6|group_left|kept_out|not_after'
dashboard() {
	local expr answer status=0
	while IFS= read -r expr; do
		expr=${expr//\$instance/.*}; expr=${expr//\$site/.*}
		answer=$(ask "$expr") || { echo "refused: $expr"; status=1; continue; }
		[ "$(jq '.data.result | length' <<<"$answer")" != 0 ] || grep -qE "$may_be_empty" <<<"$expr" || { echo "empty: $expr"; status=1; }
	done < <(jq -r '.panels[].targets[].expr' tools/grafana/sluice.json)
	return $status
}
case_ "it answers all that the dashboard asks" dashboard
rules_run() { [ "$(in_hub curl -sf http://127.0.0.1:9490/api/v1/rules | jq '[.data.groups[].rules[] | select(.health != "ok")] | length')" = 0 ]; }
case_ "and runs all rules" until_true 10 rules_run
no_alerts() { in_hub curl -sf http://127.0.0.1:9490/api/v1/alerts | jq -e '[.data.alerts[] | select(.state == "firing" and .labels.severity != "info")] == []' >/dev/null; }
case_ "a hub without trouble has no alert" no_alerts
case_ "it stops" hub_stop
cases_end
