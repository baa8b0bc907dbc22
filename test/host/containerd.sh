#!/bin/bash
# Inside a host of machine.sh: containerd with its Kubernetes interface and images made on the spot, no registry, and what the tests
# do with it. Times are microseconds of this host's clock; a line for each thing done, fields apart by tabs.
#
#   containerd.sh setup              containerd at debug level, images localhost/busybox:1 and localhost/pause:1, a bridge for pods
#   containerd.sh containers < PLAN  `ctr run` of each line `GROUP ID MODE COMMAND...`: those of a group at once, one group after another
#                                    MODE stay: -d; wait: --rm, in the foreground; kill: -d, and SIGKILL once it runs
#                                    says: begin, end, id, mode, exit code, and for kill the same of the kill
#   containerd.sh by-hand FOLDER ID COMMAND...  runc alone with --debug: create, start, kill, delete; its log is FOLDER/ID.log
#                                    says: begin, end, id, command, exit code
set -euo pipefail
now() { echo "${EPOCHREALTIME/./}"; }

write_config() {
  mkdir -p /etc/containerd /etc/cni/net.d
  cat > /etc/containerd/config.toml <<'TOML'
version = 2
[debug]
  level = "debug"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true # a machine without CAP_SYS_RESOURCE refuses the usual -998
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "/etc/cni/net.d"
TOML
  cat > /etc/cni/net.d/10-bridge.conf <<'JSON'
{"cniVersion":"0.4.0","name":"podnet","type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":false,
 "ipam":{"type":"host-local","ranges":[[{"subnet":"10.90.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}}
JSON
}

# An OCI archive of one layer; the name stands in the index, where containerd looks for it.
image() { # FOLDER NAME:TAG OUT COMMAND...
  local folder=$1 name=$2 out=$3 work command= each layer config manifest sizes
  shift 3
  work=$(mktemp -d)
  mkdir -p "$work/i/blobs/sha256"
  blob() { local sum; sum=$(sha256sum "$1" | cut -d' ' -f1); mv "$1" "$work/i/blobs/sha256/$sum"; echo "$sum"; }
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$folder" -cf "$work/layer" .
  sizes=$(stat -c %s "$work/layer")
  layer=$(blob "$work/layer")
  for each in "$@"; do command+="${command:+,}\"$each\""; done
  printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":[%s],"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"1970-01-01T00:00:00Z"}]}' \
    "$command" "$layer" > "$work/config"
  sizes="$(stat -c %s "$work/config") $sizes"
  config=$(blob "$work/config")
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%d}]}' \
    "$config" "${sizes% *}" "$layer" "${sizes#* }" > "$work/manifest"
  sizes=$(stat -c %s "$work/manifest")
  manifest=$(blob "$work/manifest")
  printf '{"imageLayoutVersion":"1.0.0"}' > "$work/i/oci-layout"
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
    "$manifest" "$sizes" "$name" "${name##*:}" > "$work/i/index.json"
  tar -C "$work/i" -cf "$out" oci-layout index.json blobs
  rm -rf "$work"
}

setup() {
  local work each
  # An overlay cannot be the upper layer of another one.
  mkdir -p /var/lib/containerd
  mount -t tmpfs -o size=1g,mode=0711 tmpfs /var/lib/containerd
  write_config
  systemctl start containerd
  work=$(mktemp -d)
  mkdir -p "$work/root/bin" "$work/root/tmp"
  cp /bin/busybox "$work/root/bin/busybox"
  for each in sh true false sleep echo; do ln -s busybox "$work/root/bin/$each"; done
  image "$work/root" localhost/busybox:1 "$work/busybox.tar" /bin/sh
  image "$work/root" localhost/pause:1 "$work/pause.tar" /bin/sleep 1000000
  ctr image import "$work/busybox.tar" > /dev/null
  for each in busybox pause; do ctr -n k8s.io image import "$work/$each.tar" > /dev/null; done
  mkdir -p /tmp/bundle
  mv "$work/root" /tmp/bundle/rootfs
  rm -rf "$work"
  for _ in $(seq 100); do
    if ctr plugin ls | grep -q 'cri .*ok'; then return; fi
    sleep 0.1
  done
  ctr plugin ls | grep 'cri ' >&2
  return 1
}

container() { # ID MODE COMMAND...
  local id=$1 mode=$2 flag=-d code=0 begin end
  shift 2
  if [ "$mode" = wait ]; then flag=--rm; fi
  begin=$(now)
  ctr run $flag localhost/busybox:1 "$id" "$@" < /dev/null > /dev/null 2>&1 || code=$?
  end=$(now)
  printf '%s\t%s\t%s\t%s\t%s' "$begin" "$end" "$id" "$mode" "$code"
  if [ "$mode" = kill ]; then
    code=0
    begin=$(now)
    ctr task kill -s KILL "$id" > /dev/null 2>&1 || code=$?
    printf '\t%s\t%s\t%s' "$begin" "$(now)" "$code"
  fi
  echo
}

containers() {
  local group id mode rest last=
  while read -r group id mode rest; do
    if [ "$group" != "$last" ]; then wait; fi
    last=$group
    # The line as a whole: of those at once none may be torn.
    { line=$(container "$id" "$mode" $rest); printf '%s\n' "$line"; } &
  done
  wait
}

by_hand() { # FOLDER ID COMMAND...
  local folder=$1 id=$2 bundle=/tmp/bundle-$2 verb begin code words=
  shift 2
  mkdir -p "$bundle" "$folder"
  (cd "$bundle" && runc spec)
  for verb in "$@"; do words+="${words:+, }\"$verb\""; done
  sed -i "s/\"terminal\": true/\"terminal\": false/; s#\"sh\"#$words#; s#\"rootfs\"#\"/tmp/bundle/rootfs\"#" "$bundle/config.json"
  for verb in "create --bundle $bundle" start 'kill' 'delete --force'; do
    code=0
    begin=$(now)
    runc --debug --log "$folder/$id.log" $verb "$id" $(if [ "$verb" = kill ]; then echo KILL; fi) < /dev/null > /dev/null 2>&1 || code=$?
    printf '%s\t%s\t%s\t%s\t%s\n' "$begin" "$(now)" "$id" "${verb%% *}" "$code"
  done
}

case ${1:-} in
  setup) setup ;;
  containers) containers ;;
  by-hand) shift; by_hand "$@" ;;
  *) sed -n '2,/^set /p' "$0" >&2; exit 64 ;;
esac
