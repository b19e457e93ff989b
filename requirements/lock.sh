#!/bin/sh
# Write the lock files from pyproject.toml: two for what is deployed, the rest for working on it.
# Each holds every version with its hashes, for all Pythons and platforms that are supported.
set -eu
uv=$1
cd "$(dirname "$0")/.."

lock() { # lock NAME [--extra EXTRA]...
    name=$1
    shift
    "$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-annotate --custom-compile-command 'make lock' --no-emit-package maintenance-mirror \
        "$@" --output-file "requirements/$name.txt" pyproject.toml
}

lock lambda # and OpenFaaS: the bare dependencies
lock knative --extra knative
lock demo --extra knative --extra simulator
lock tox --extra tox
lock lint --extra lint
lock development --extra development
