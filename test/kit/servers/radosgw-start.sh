#!/bin/bash
# Starts Ceph's RADOS Gateway on loopback, without systemd or authentication inside the cluster: one monitor, one
# OSD in memory, one gateway. Prints a line when it is up, and runs until it is killed.
# Needs: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw ceph-common
set -euo pipefail
port=${1:?usage: radosgw-start.sh PORT MONITOR_PORT FOLDER}
monitor=127.0.0.1:${2:?usage: radosgw-start.sh PORT MONITOR_PORT FOLDER}
folder=${3:?usage: radosgw-start.sh PORT MONITOR_PORT FOLDER}
conf=$folder/ceph.conf
fsid=$(cat /proc/sys/kernel/random/uuid)
osd=$(cat /proc/sys/kernel/random/uuid)
mkdir -p "$folder"/{mon,osd,run,log,rgw}
# Nothing is worth saving, and a gateway without its cluster waits for it.
trap '{ kill -KILL $(jobs -p); wait; } 2> /dev/null' EXIT
trap 'exit 0' TERM INT

cat > "$conf" <<CONF
[global]
fsid = $fsid
mon host = v1:$monitor
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
auth supported = none
public network = 127.0.0.0/8
public addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr2 = false
run dir = $folder/run
admin socket = $folder/run/\$name.asok
log file = $folder/log/\$name.log
pid file = $folder/run/\$name.pid
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 1
osd objectstore = memstore
memstore device bytes = 2147483648
osd class load list = *
osd class default list = *
osd class update on start = false
osd crush update on start = false
[mon.a]
mon data = $folder/mon
mon addr = $monitor
[osd.0]
osd data = $folder/osd
[client.rgw]
rgw data = $folder/rgw
rgw frontends = beast endpoint=127.0.0.1:$port
rgw dns name = localhost
rgw thread pool size = 32
rgw s3 auth use sts = false
CONF

monmaptool --create --add a "v1:$monitor" --fsid "$fsid" "$folder/monmap" > /dev/null
ceph-mon -c "$conf" -i a --mkfs --monmap "$folder/monmap" --keyring /dev/null
ceph-mon -c "$conf" -i a -f > "$folder/log/mon.out" 2>&1 &
ceph -c "$conf" osd new "$osd" > /dev/null
ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd" > /dev/null 2>&1
ceph -c "$conf" osd crush add osd.0 1.0 root=default host=localhost > /dev/null 2>&1
ceph-osd -c "$conf" -i 0 -f > "$folder/log/osd.out" 2>&1 &
for _ in $(seq 120); do ceph -c "$conf" osd stat 2> /dev/null | grep -q '1 up' && break; sleep 0.5; done
radosgw -c "$conf" -n client.rgw -f > "$folder/log/rgw.out" 2>&1 &
for _ in $(seq 240); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.5; done
radosgw-admin -c "$conf" user create --uid main --display-name Main --access-key "$S3_ACCESS_KEY" --secret-key "$S3_SECRET_KEY" > /dev/null 2>&1
echo "radosgw is up on http://127.0.0.1:$port"
wait
