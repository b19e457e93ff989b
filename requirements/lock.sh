#!/bin/sh
# Write the lock files from pyproject.toml: two for what is deployed, the rest for working on it.
# Each holds every version with its hashes, for all Pythons and platforms that are supported.
set -eu
uv=$1
cd "$(dirname "$0")/.."

compile() { # compile SOURCE LOCK [OPTION]...
    source=$1
    lock=$2
    shift 2
    "$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-annotate --custom-compile-command 'make lock' --no-emit-package maintenance-mirror \
        "$@" --output-file "$lock" "$source"
}

lock() { # lock NAME [--extra EXTRA]...
    name=$1
    shift
    compile pyproject.toml "requirements/$name.txt" "$@"
}

lock lambda --extra vcenter # for OpenFaaS, too, which reads it beside each handler
for handler in mirror reconcile; do
    cp requirements/lambda.txt "deploy/openfaas/$handler/requirements.txt"
done
compile pyproject.toml deploy/openfaas/echo/requirements.txt
lock knative --extra knative --extra vcenter
lock demo --extra knative --extra simulator --extra vcenter --extra cli
lock tox --extra tox
lock lint --extra lint
lock development --extra development

# The tools that the tests of the AWS deployment run in environments of their own.
for tools in sam runtime; do
    compile "tests/deploy/eventbridge/$tools.in" "tests/deploy/eventbridge/$tools.txt"
done
