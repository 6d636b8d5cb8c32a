#!/bin/sh
# Installs libturbojpeg if it is missing and this can be done without asking. Without it everything still works and
# patches are still exact, only slower, so nothing here is an error.
python='import ctypes.util, sys; sys.exit(ctypes.util.find_library("turbojpeg") is None)'
"${VENV:-.venv}/bin/python" -c "$python" && exit 0

if command -v apt-get >/dev/null; then
  sudo=''
  [ "$(id -u)" = 0 ] || sudo='sudo -n'
  { $sudo apt-get install -y -qq libturbojpeg0 || { $sudo apt-get update -qq && $sudo apt-get install -y -qq libturbojpeg0; }; } \
    >/dev/null 2>&1
elif command -v brew >/dev/null; then
  brew install --quiet jpeg-turbo >/dev/null 2>&1
fi

"${VENV:-.venv}/bin/python" -c "$python" ||
  echo 'hint: libturbojpeg is missing, so JPEGs are cut several times slower (Debian: libturbojpeg0, Fedora: turbojpeg,' \
    'macOS: brew install jpeg-turbo)'
exit 0
