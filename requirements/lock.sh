#!/bin/sh
# Write the lock files from pyproject.toml: three for what is deployed, the rest for working on it.
# Each holds every version with its hashes, for all Pythons and platforms that are supported.
#
# sh requirements/lock.sh UV [OPTION]... hands its options to uv. A version that is pinned stays,
# unless pyproject.toml rules it out, or an option says otherwise: --upgrade takes the newest of
# all, --upgrade-package NAME that of one.
set -eu
uv=$1
shift
options=$*
cd "$(dirname "$0")/.."

compile() { # compile SOURCE LOCK [OPTION]...
    source=$1
    lock=$2
    shift 2
    # shellcheck disable=SC2086 # options is none, or several words
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-strip-extras --no-annotate --custom-compile-command 'make lock' \
        --no-emit-package maintenance-mirror $options "$@" --output-file "$lock" "$source"
    repeat_without_extras "$lock"
}

# A pip as old as 23.2, which Python 3.11 brings, takes "coverage[toml]==7" only for a package that
# asks for coverage[toml], and "coverage==7" only for one that asks for coverage: it gets both.
repeat_without_extras() { # repeat_without_extras LOCK
    awk '
        function finish(  plain) {
            plain = pin
            if (sub(/\[.*\]/, "", plain)) print plain hashes
            if (pin) print pin hashes
        }
        /^#/ { print; next }
        /^ / { hashes = hashes "\n" $0; next }
        { finish(); pin = $0; hashes = "" }
        END { finish() }
    ' "$1" >"$1.new"
    mv "$1.new" "$1"
}

lock() { # lock NAME [--extra EXTRA]...
    name=$1
    shift
    compile pyproject.toml "requirements/$name.txt" "$@"
}

# What is tested is what is deployed: these take their versions from what the tests run with.
lock_as_tested() { # lock_as_tested NAME [--extra EXTRA]...
    lock "$@" --constraint requirements/development.txt
}

lock development --extra development
lock_as_tested lambda --extra vcenter
lock_as_tested knative --extra knative --extra vcenter --extra metrics
lock_as_tested standalone --extra vcenter --extra cli --extra metrics
# The image and a machine's environment, for those who want to be told by NOTIFY_URLS.
lock_as_tested notify --extra knative --extra vcenter --extra cli --extra metrics --extra notify
lock_as_tested demo --extra knative --extra simulator --extra vcenter --extra cli --extra metrics
# OpenFaaS reads them beside each handler.
handlers=deploy/openfaas
compile pyproject.toml $handlers/echo/requirements.txt --constraint requirements/development.txt
compile pyproject.toml $handlers/mirror/requirements.txt --extra vcenter --extra metrics \
    --constraint requirements/development.txt
cp $handlers/mirror/requirements.txt $handlers/reconcile/requirements.txt
lock_as_tested build --extra build
lock tox --extra tox
lock lint --extra lint

# Of it only axe-core is used, which it brings along, and nothing of what drives a browser.
compile tests/browser.in tests/browser.txt --no-deps

# The tools that the tests of the deployments run in environments of their own.
for tools in eventbridge/sam eventbridge/runtime openfaas/tox3; do
    compile "tests/deploy/$tools.in" "tests/deploy/$tools.txt"
done
