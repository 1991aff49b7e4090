#!/bin/sh
# Runs a VM of tart's where gatehouse guards it (macOS): tart.sh NAME
#
# tart's own network is one of vmnet's bridges, where the rules are.  --net-bridged would
# put the VM on the LAN, past them; --net-softnet may be added, but alone leaves this
# host's own ports (SMB among them) open to the VM.
set -eu

exec tart run --no-graphics "$1"
