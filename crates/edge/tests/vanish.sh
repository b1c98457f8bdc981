#!/usr/bin/env bash
# A client whose cable is pulled says nothing: no FIN, no RST. Its stream must be let go all the same.
#
# Two network namespaces joined by a veth pair; the client's end goes down while one busy and one quiet stream are open.
# Needs root. Usage: vanish.sh PATH/TO/quotewire
set -eu
binary=$1
limit=60

server=qw-server-$$ client=qw-client-$$
ip netns add "$server"
ip netns add "$client"
trap 'ip netns pids "$server" | xargs -r kill; ip netns pids "$client" | xargs -r kill; ip netns del "$server"; ip netns del "$client"' EXIT
ip -n "$server" link add veth0 type veth peer name veth0 netns "$client"
ip -n "$server" addr add 10.77.0.1/24 dev veth0
ip -n "$client" addr add 10.77.0.2/24 dev veth0
ip -n "$server" link set veth0 up
ip -n "$server" link set lo up
ip -n "$client" link set veth0 up

ip netns exec "$server" "$binary" serve --sim --listen 10.77.0.1:8080 --admin-listen 127.0.0.1:9464 2>/dev/null &
streams() { ip netns exec "$server" curl -s http://127.0.0.1:9464/metrics | grep -E '^quotewire_edge_streams_(open |ended)'; }
await() {
  for _ in $(seq "$limit"); do
    if streams 2>/dev/null | grep -q "streams_open $1\$"; then return 0; fi
    sleep 1
  done
  echo "never came to $1 open streams within $limit s"
  streams
  return 1
}

await 0
for symbol in SIM:AAA-USD SIM:NO-SUCH; do
  ip netns exec "$client" curl -sN "http://10.77.0.1:8080/v1/stream?symbols=$symbol" >/dev/null &
done
await 2
ip -n "$client" link set veth0 down
pulled=$(date +%s)
await 0
echo "both streams were let go within $(($(date +%s) - pulled)) s of the client's vanishing:"
streams
