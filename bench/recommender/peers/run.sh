#!/bin/sh
# run.sh NAME [FOLDER [PEOPLE]]: an environment with one library, its models on P1 (mooccubex5), one JSON line a model.
# NAME: implicit, lenskit, rectools, recbole. Settings were chosen on valid; test is ranked once a model.
set -eu
name=$1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
data=${2:-${PORTAL_SHARED_DATA:?set PORTAL_SHARED_DATA or name the folder}/data/recommender/mooccubex5}
case $name in
implicit) packages="implicit==0.7.3 scipy numpy" ;;
lenskit) packages="lenskit==2025.8.1 pandas" ;;
rectools) packages="rectools[lightfm]==0.19.0 implicit==0.7.3 pandas" ;;
recbole) packages="recbole==1.2.1 torch<2.6 numpy<2 pandas<3 scipy<1.14 setuptools<81" ;;
*) echo "run.sh: no such peer: $name (implicit, lenskit, rectools, recbole)" >&2; exit 1 ;;
esac
venv=${PEERS:-$root/.data/peers}/$name
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
# shellcheck disable=SC2086
"$venv/bin/pip" install -q $packages
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$venv/bin/python" "$here/of_$name.py" "$data" ${3:-}
