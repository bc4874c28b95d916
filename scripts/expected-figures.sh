#!/bin/sh
# Prints the figures that any run on the orders of the example must give, counted from their file by awk alone:
# orders above 1000, customers, orders, pairs of customer and hour.
#
# Orders lie on midnights, so that an hour with orders is a day with orders.
set -eu
cd "$(dirname "$0")/.."

awk -F , 'NR > 1 {
  orders++
  customers += !($2 in customer); customer[$2]
  hours += !(($2, $5) in hour); hour[$2, $5]
  high += $3 > 1000
} END { print high, customers, orders, hours }' examples/data/orders.csv
