#!/bin/bash
# demo.sh BUILD_DIR: demonstrates the file broker, with the programs that were built
# in BUILD_DIR. Every step is checked: if one does not do what its heading says, the
# script stops with a message and exit status 1.
set -euo pipefail
export LC_ALL=C # the output of cat is compared
build=${1:?"usage: demo.sh BUILD_DIR"}
programs=$(cd "$build/services/filebroker" && pwd)
for program in fdrpc-filebroker fdrpc-open fdrpc-demo-keeper; do
  if [[ ! -x $programs/$program ]]; then
    echo "demo.sh: $programs/$program is not built; ./dev demo builds it first" >&2
    exit 1
  fi
done

# shellcheck source=services/demo_functions.sh
source "$(dirname "${BASH_SOURCE[0]}")/../demo_functions.sh"

# ---- users and files ---------------------------------------------------------------

broker_pid='' keeper_pid=''
work=$(mktemp -d)
clean_up() {
  local pid
  for pid in $broker_pid $keeper_pid; do
    kill "$pid" 2> /dev/null || true
    wait "$pid" || true
  done
  chmod -f u+rwx "$work/safe" || true
  rm -rf "$work"
}
trap clean_up EXIT
chmod 711 "$work"
# The client may not be able to reach the build directory either.
mkdir "$work/bin"
cp "$programs"/fdrpc-{filebroker,open,demo-keeper} "$work/bin/"
chmod -R a+rX "$work/bin"
PATH=$work/bin:$PATH
cd "$work"

mkdir -m 700 safe safe/letters
cat > safe/letters/secret.txt <<'TEXT'
The treasure lies under the third oak.
Dig at night.
TEXT
printf 'abcdefghijklmnopqrstuvwxyz\n' > safe/letters/alphabet.txt
echo 'Nobody was given this.' > safe/other.txt
chmod 600 safe/letters/*.txt safe/other.txt
ln -s secret.txt safe/letters/shortcut
ln -s ../other.txt safe/letters/way-out
ln -s /etc/passwd safe/letters/far-away

# How to run a process that cannot read the tree.
nobody=65534
close_safe=false
if ((EUID == 0)) && setpriv --reuid $nobody --regid $nobody --clear-groups true 2> /dev/null; then
  as_client=(setpriv --reuid $nobody --regid $nobody --clear-groups)
  client="a process of another user, with the id $nobody (nobody)"
else
  # The client runs as the owner, whom the permissions would let in, but it cannot
  # pass through a directory that nobody may search. The broker need not: it has the
  # directory open.
  as_client=()
  close_safe=true
  client='a process of the same user, as only root can change users; therefore the
   directory around the tree is closed even to its owner, once the broker has it open'
  if ((EUID == 0)); then # a namespace that has no other user
    as_client=(setpriv --bounding-set=-all --inh-caps=-all)
    client+=',
   and the client gives up its capabilities, which would open it'
  fi
fi

printf '%sfdrpc: a broker opens files for programs that may not%s\n\n' "$bold" "$plain"
explain "The owner is the user who runs this, $(id -un)." "The client is $client."

# ---- the steps ---------------------------------------------------------------

step 'The owner has a directory that is closed to others'
show owner 'ls -lR safe' 0 secret.txt

step 'A broker opens files beneath safe/letters for everybody who can connect'
start broker fdrpc-filebroker --root safe/letters --listen unix:broker.sock \
  --listen unix-seqpacket:packets.sock --listen unix-dgram:datagrams.sock --socket-mode 0666
if $close_safe; then show owner 'chmod 000 safe' 0 ''; fi

step 'The client cannot read the secret'
show client 'cat safe/letters/secret.txt' 1 'Permission denied'

step 'But the broker opens it, and sends the open descriptor through the socket'
# Status 0 means success, and the text shows that it is the file.
show client 'fdrpc-open --server unix:broker.sock secret.txt' 0 'under the third oak'
explain '' 'The bytes did not pass through the broker: the client has read them from the' \
  'file itself, with a descriptor of its own.'

step 'It works over every kind of Unix socket'
for server in unix-seqpacket:packets.sock unix-dgram:datagrams.sock; do
  show client "fdrpc-open --server $server secret.txt" 0 'under the third oak'
done

step 'Programs that know nothing of fdrpc can use the descriptor'
show client "fdrpc-open --server unix:broker.sock secret.txt --fd 5 -- sh -c 'wc -w <&5'" 0 10
show client 'fdrpc-open --server unix:broker.sock secret.txt --fd 0 -- tail -n 1' 0 'Dig at night.'

step 'The client may write, too, with no permission on the directory'
show client "echo 'Found it.' |
             fdrpc-open --server unix:broker.sock --mode append --create answer.txt" 0 ''
show client 'cat safe/letters/answer.txt' 1 'Permission denied'
show client 'fdrpc-open --server unix:broker.sock answer.txt' 0 'Found it.'

step 'What leaves the tree is refused, by the kernel, with a status'
show client 'fdrpc-open --server unix:broker.sock ../other.txt' 17 'PERMISSION_DENIED: "../other.txt"'
explain '' 'letters/way-out is a symbolic link to ../other.txt, letters/far-away one to' \
  '/etc/passwd, and letters/shortcut one to secret.txt, which stays in the tree:' ''
show client 'fdrpc-open --server unix:broker.sock way-out' 17 'PERMISSION_DENIED: "way-out"'
show client 'fdrpc-open --server unix:broker.sock far-away' 17 'PERMISSION_DENIED: "far-away"'
show client 'fdrpc-open --server unix:broker.sock shortcut' 0 'under the third oak'
explain '' 'Other errors keep apart, too:' ''
show client 'fdrpc-open --server unix:broker.sock no-such-file' 15 'NOT_FOUND: "no-such-file"'
show client 'fdrpc-open --server unix:broker.sock /etc/passwd' 13 'INVALID_ARGUMENT: "/etc/passwd"'

step 'What arrives is the same open file: sender and receivers share its offset'
explain 'The broker closes its descriptor once it is sent. So here is a server that keeps' \
  'its own, and answers every call with it. The kernel says where its offset is.' ''
if $close_safe; then
  chmod 700 safe # the keeper opens its file by its path
fi
start keeper fdrpc-demo-keeper safe/letters/alphabet.txt unix:keeper.sock
if $close_safe; then chmod 000 safe; fi
chmod 666 keeper.sock
[[ $keeper_output =~ 'keeping descriptor '([0-9]+) ]] || failed 'the keeper names no descriptor'
offset="grep pos: /proc/$keeper_pid/fdinfo/${BASH_REMATCH[1]}"
read_five='fdrpc-open --server unix:keeper.sock alphabet.txt --fd 0 -- dd bs=5 count=1 status=none'
show owner "$offset" 0 $'pos:\t0'
show client "$read_five" 0 abcde
show owner "$offset" 0 $'pos:\t5'
show client "$read_five" 0 fghij
show owner "$offset" 0 $'pos:\t10'
explain '' 'Two clients read, one after the other; the second went on where the first had' \
  'stopped, and the offset of the sender, which read nothing, moved with them.'

step 'SIGTERM ends the servers, and their sockets are gone'
stop broker
stop keeper
show owner 'ls *.sock' 2 'No such file'
show client 'fdrpc-open --server unix:broker.sock secret.txt' 24 'UNAVAILABLE: nobody listens'

printf '\n%sAll %d steps went as their headings say.%s\n' "$green" $steps "$plain"
