#!/bin/sh
# Install the browser in which the gateway's home page is tested, where there is none and that is possible without
# asking. Only `make chromium` and `.ci/run` do; apt checks the signature of what it installs.
for name in chromium chromium-browser google-chrome-stable google-chrome chrome; do
  command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo '==> installing chromium, for the tests of the home page (once)'
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; } \
    >/dev/null 2>&1 && exit 0
fi
echo '==> there is no chromium and no way to install it from here: the tests of the home page will be skipped'
