#!/bin/sh
# Write the lock files from pyproject.toml: one for what is deployed, the rest for working on it.
# Each holds every version with its hashes, for all Pythons and platforms that are supported.
set -eu
uv=$1
cd "$(dirname "$0")/.."

lock() { # lock NAME EXTRA...
    name=$1
    shift
    # shellcheck disable=SC2046 # the options are meant to be split into words
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --upgrade --no-annotate --custom-compile-command 'make lock' --no-emit-package maintenance-mirror \
        $(printf -- '--extra %s ' "$@") --output-file "requirements/$name.txt" pyproject.toml
}

lock knative knative
lock demo knative simulator
lock tox tox
lock lint lint
lock development development
