#!/bin/sh
# Draws the icon's PNG files from its SVG; needs rsvg-convert (Debian: librsvg2-bin). Run it after changing the SVG.
set -eu
cd "$(dirname "$0")/../../daemon/visard/daemon/install/icons"
for size in 16 22 24 32 48 64 128 256; do
    rsvg-convert -w $size -h $size visard.svg -o visard-$size.png
done
