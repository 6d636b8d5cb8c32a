#!/bin/sh
# Installs libturbojpeg, and the header that the optional extension is built with, if they are missing and this can be
# done without asking. Without them everything still works and pixels are still exact, only slower, so nothing here is
# an error.
has_library() {
  "${VENV:-.venv}/bin/python" -c 'import ctypes.util, sys; sys.exit(ctypes.util.find_library("turbojpeg") is None)'
}
has_header() { # or no compiler that could use it
  ! command -v cc >/dev/null || printf '#include <stdio.h>\n#include <jpeglib.h>\n' | cc -E - >/dev/null 2>&1
}
has_library && has_header && exit 0

if command -v apt-get >/dev/null; then
  sudo=''
  [ "$(id -u)" = 0 ] || sudo='sudo -n'
  install="$sudo apt-get install -y -qq libturbojpeg0"
  has_header || install="$install libjpeg-dev"
  { $install || { $sudo apt-get update -qq && $install; }; } >/dev/null 2>&1
elif command -v brew >/dev/null; then
  brew install --quiet jpeg-turbo >/dev/null 2>&1
fi

has_library ||
  echo 'hint: libturbojpeg is missing, so JPEGs are cut several times slower (Debian: libturbojpeg0, Fedora: turbojpeg,' \
    'macOS: brew install jpeg-turbo)'
exit 0
