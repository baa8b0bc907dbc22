#!/bin/bash
# A host to break and throw away: systemd is PID 1 in namespaces of its own, over an overlay of this machine's root. Nothing
# that is written inside reaches the real root. Needs root, util-linux and systemd; the network is the caller's.
#
#   machine.sh up FOLDER CHECKOUT    returns when systemd is up; the checkout is seen at its own path
#   machine.sh exec FOLDER COMMAND   inside, with an empty environment
#   machine.sh down FOLDER           powers it off and forgets it; may be repeated
#
# FOLDER/init is PID 1 from outside; what was written is in FOLDER/layers/upper, as FOLDER/keeper sees it.
set -euo pipefail
verb=$1 folder=$2
shift 2
group=shimtrace-$(basename "$folder")

die() { echo "machine: $*" >&2; exit 1; }
# A process is known by its id and its start time, so that an id that is used again is never taken for ours.
born() { sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | cut -d' ' -f20; }
note() { echo "$2" > "$folder/$1"; born "$2" > "$folder/$1.born"; }
alive() { [ -s "$folder/$1" ] && [ "$(born "$(cat "$folder/$1")")" = "$(cat "$folder/$1.born" 2> /dev/null)" ]; }

# Units of a normal boot that would reach the real kernel, or wait for hardware.
MASKED="systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount
systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket
systemd-random-seed.service systemd-remount-fs.service systemd-hwdb-update.service systemd-pstore.service
systemd-timesyncd.service systemd-firstboot.service systemd-update-utmp.service systemd-networkd.service
systemd-networkd.socket systemd-resolved.service dev-hugepages.mount dev-mqueue.mount
sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount
kmod-static-nodes.service getty.target console-getty.service getty@tty1.service networking.service ifupdown-pre.service
apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
man-db.timer logrotate.timer nftables.service ssh.service cron.service"

# A cgroup of its own in every hierarchy, which the host sees as the root of all.
cgroups() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/mounts | while read -r mount; do echo "$mount/$group"; done; }

enter_cgroups() { # PID
  local own parent controller
  for own in $(cgroups); do
    parent=$(dirname "$own")
    mkdir -p "$own"
    if [ -e "$own/cpuset.mems" ] && [ -e "$parent/cgroup.clone_children" ]; then
      cat "$parent/cpuset.cpus" > "$own/cpuset.cpus"
      cat "$parent/cpuset.mems" > "$own/cpuset.mems"
    fi
    if [ -e "$parent/cgroup.subtree_control" ]; then
      for controller in $(cat "$parent/cgroup.controllers"); do echo "+$controller" > "$parent/cgroup.subtree_control" 2> /dev/null || true; done
    fi
    echo "$1" > "$own/cgroup.procs"
  done
}

leave_cgroups() { # the last processes may take a moment to go
  local own left
  for _ in $(seq 50); do
    left=
    for own in $(cgroups); do
      if [ -d "$own" ]; then find "$own" -depth -type d -exec rmdir {} + 2> /dev/null || left=$own; fi
    done
    if [ -z "$left" ]; then return; fi
    sleep 0.1
  done
  echo "machine: $left is still in use" >&2
}

# What the host's version of cgroups is: the second where it has the controllers.
cgroup_version() {
  local mount
  for mount in $(awk '$3 == "cgroup2" {print $2}' /proc/mounts); do
    if grep -qw cpu "$mount/cgroup.controllers"; then echo v2; return; fi
  done
  echo v1
}

write_holder() {
  cat > "$folder/holder.sh" <<'HOLDER'
set -e
folder=$1 checkout=$2 masked=$3 r=$1/root
mkdir -p "$r" "$folder/layers"
mount -t tmpfs -o size=2g,mode=0755 tmpfs "$folder/layers"
mkdir "$folder/layers/upper" "$folder/layers/work"
mount -t overlay -o "lowerdir=/,upperdir=$folder/layers/upper,workdir=$folder/layers/work" overlay "$r"
for each in proc sys dev run tmp; do mkdir -p "$r/$each"; done
mount -t tmpfs -o mode=1777 tmpfs "$r/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$r/run"
mkdir -p "$r/run/lock"
mount -t tmpfs -o mode=0755 tmpfs "$r/dev"
for node in null zero full random urandom tty; do : > "$r/dev/$node"; mount --bind "/dev/$node" "$r/dev/$node"; done
mkdir -p "$r/dev/pts" "$r/dev/shm" "$r/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$r/dev/pts"
ln -s pts/ptmx "$r/dev/ptmx"
ln -s /proc/self/fd "$r/dev/fd"
mount -t tmpfs -o mode=1777 tmpfs "$r/dev/shm"
# The checkout may lie on another file system than the root, or below /tmp.
mkdir -p "$r$checkout"
mount --bind "$checkout" "$r$checkout"
mount -o remount,bind,ro "$r$checkout"
: > "$r/etc/fstab"
echo testhost > "$r/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 testhost\n::1 localhost\n' > "$r/etc/hosts"
: > "$r/etc/machine-id"
rm -rf "$r/var/lib/dbus/machine-id" "$r/var/log/journal"
# A host that never had shimtrace.
rm -rf "$r/opt/shimtrace" "$r/etc/shimtrace" "$r/etc/default/shimtrace" "$r/var/lib/shimtrace" "$r/var/log/urunc" "$r/usr/local/bin/shimtrace"
# What this machine has enabled does not start by itself.
rm -rf "$r"/etc/systemd/system/*.wants "$r"/etc/systemd/system/*.requires "$r"/etc/rc?.d/S*
for unit in $masked; do ln -sfn /dev/null "$r/etc/systemd/system/$unit"; done
rm -f "$folder/go"
mkfifo "$folder/go"
# The host leaves these mounts when it pivots; from here what it wrote is seen.
(sleep infinity & echo $! > "$folder/keeper.pid")
echo $$ > "$folder/ready"
read -r _ < "$folder/go"
exec unshare --fork --kill-child=KILL --pid --uts --ipc --cgroup --mount --propagation private bash "$folder/init.sh" "$folder"
HOLDER
  cat > "$folder/init.sh" <<'INIT'
set -e
folder=$1
hostname testhost
cd "$folder/root"
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
if [ "$(cat "$folder/cgroup")" = v1 ]; then
  mount -t tmpfs -o mode=0755 tmpfs sys/fs/cgroup
  for controller in $(awk '$4 == 1 && $2 != 0 {print $1}' /proc/cgroups); do
    mkdir "sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "sys/fs/cgroup/$controller"
  done
  mkdir sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
else
  mount -t cgroup2 cgroup2 sys/fs/cgroup
fi
mkdir -p mnt
pivot_root . mnt
umount -l /mnt
cd /
exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=multi-user.target --show-status=no --log-target=journal-or-kmsg --default-standard-output=journal
INIT
}

up() { # CHECKOUT
  local deadline=$((SECONDS + 60)) init state=
  rm -f "$folder/ready"
  write_holder
  setsid unshare --mount --propagation private bash "$folder/holder.sh" "$folder" "$1" "$MASKED" < /dev/null > "$folder/console" 2>&1 &
  until [ -s "$folder/ready" ] && [ -p "$folder/go" ]; do
    kill -0 $! 2> /dev/null || { cat "$folder/console" >&2; die 'its root did not come up'; }
    sleep 0.05
  done
  note holder "$(cat "$folder/ready")"
  note keeper "$(cat "$folder/keeper.pid")"
  enter_cgroups "$(cat "$folder/holder")"
  cgroup_version > "$folder/cgroup"
  echo go > "$folder/go"
  while [ $SECONDS -lt $deadline ]; do
    init=$(tr -d ' ' < "/proc/$(cat "$folder/holder")/task/$(cat "$folder/holder")/children" 2> /dev/null || true)
    if [ -n "$init" ]; then
      note init "$init"
      state=$(inside systemctl is-system-running 2> /dev/null || true)
      case $state in running | degraded) return ;; esac
    fi
    alive holder || { cat "$folder/console" >&2; die 'PID 1 ended'; }
    sleep 0.05
  done
  cat "$folder/console" >&2
  die "not up after 60 s (${state:-no state})"
}

inside() {
  nsenter -t "$(cat "$folder/init")" --mount --uts --ipc --pid --cgroup --root --wdns=/ -- \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C.UTF-8 "$@"
}

down() {
  local each
  if alive init && [ "$(cat "$folder/init")" -gt 1 ]; then
    kill -s RTMIN+4 "$(cat "$folder/init")" 2> /dev/null || true # to systemd: power off
    for _ in $(seq 100); do if alive init; then sleep 0.1; fi; done
    if alive init; then kill -KILL "$(cat "$folder/init")" 2> /dev/null || true; fi
  fi
  for each in holder keeper; do
    if alive $each; then kill -KILL "$(cat "$folder/$each")" 2> /dev/null || true; fi
  done
  leave_cgroups
}

case $verb in
  up) up "$1" ;;
  exec) alive init || die 'it is not up'; inside "$@" ;;
  down) down ;;
  *) die "there is no verb $verb" ;;
esac
