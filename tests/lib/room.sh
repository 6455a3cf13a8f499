#!/bin/sh
# One room: its lint, types and quick tests. ROOM is a folder of counterfoil/, or a top folder. $1: which tests.
set -eu
: "${ROOM:?say which room: make t ROOM=governance}"
room=${ROOM%/}
code= tests= package=
if [ -d "counterfoil/$room" ]; then
  code=counterfoil/$room package=counterfoil/$room
elif [ -d "$room" ]; then
  code=$room package=counterfoil_prefect/$room
fi
# A room's tests are in the folder of the same name; those of a room inside another, in the outer one's.
inner=$room
while :; do
  if [ -d "tests/unit/$inner" ]; then tests="tests/unit/$inner"; break; fi
  case $inner in */*) inner=${inner%/*} ;; *) break ;; esac
done
case $room in mpc* | suites*) tests="$tests tests/spec" ;; esac
if [ -z "$code$tests" ]; then echo "no room $room: there are $(cd counterfoil && ls -d [a-z]*/ | tr -d / | tr '\n' ' ')" >&2; exit 2; fi
"$BIN/ruff" format --check $code $tests
"$BIN/ruff" check $code $tests
if [ -n "$package" ]; then "$BIN/mypy" -p "$(echo "$package" | tr / .)"; fi
if [ -z "$tests" ]; then echo "$room has no quick tests of its own: make quick"; exit; fi
"$BIN/pytest" $tests -n 2 --dist loadfile -m "$1"
