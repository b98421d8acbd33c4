#!/bin/sh
# Put the browser files into static/vendor: npm by the lock file, then a copy checked by SHA-256. Nothing to do, nothing done.
# npm comes from the system; where there is none, from the Python package in requirements/node.txt.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
venv=$1
python=$venv/bin/python
root=$(CDPATH= cd -- "$here/../.." && pwd)
stamp=$root/node_modules/.installed
digest=$("$python" -c 'import hashlib,sys; print(hashlib.sha256(open(sys.argv[1],"rb").read()).hexdigest())' "$root/package-lock.json")
if "$python" "$here/copy_files.py" --check && [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ]; then
    exit 0
fi
if ! command -v npm >/dev/null; then
    "$root/requirements/install.sh" "$venv" node
    PATH=$venv/bin:$PATH
    export PATH
fi
echo "Fetching the browser files by package-lock.json"
(cd "$root" && npm ci --silent --no-audit --no-fund)
"$python" "$here/copy_files.py"
echo "$digest" >"$stamp"
