#!/bin/sh
# Installs Debian's Chromium for the tests of the annotation page, if no browser is found and this can be done without
# asking. Without one those tests are skipped and say so, so nothing here is an error.
has_browser() {
  [ -n "$CHROMIUM" ] && command -v "$CHROMIUM" >/dev/null && return 0
  for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
    command -v "$name" >/dev/null && return 0
  done
  return 1
}
has_browser && exit 0

if command -v apt-get >/dev/null; then
  sudo=''
  [ "$(id -u)" = 0 ] || sudo='sudo -n'
  install="$sudo apt-get install -y -qq --no-install-recommends chromium"
  { $install || { $sudo apt-get update -qq && $install; }; } >/dev/null 2>&1 </dev/null
fi

has_browser ||
  echo 'hint: no Chromium, so the tests of the annotation page are skipped (Debian: apt-get install chromium; or name a' \
    'browser: CHROMIUM=/path/to/chrome)'
exit 0
