#!/usr/bin/env python3
"""Turns the CDNOW purchases into orders.csv: `python3 convert.py CDNOW_master.txt > orders.csv`.

The input has a header and then one purchase a line: customer, date (YYYYMMDD), number of CDs, dollars.
An order's id is the number of its line below the header. Orders leave sorted by date; those of one day
keep the order of the file, so that the same input always gives the same bytes.
"""

import sys
from datetime import datetime

HEADER = ["customer_id", "date", "number_of_cds", "dollar_value"]


def orders(lines):
    header = next(lines, "").split()
    if header != HEADER:
        sys.exit(f"convert.py: expected the header {' '.join(HEADER)}, found {' '.join(header)!r}")
    for number, line in enumerate(lines, start=1):
        try:
            customer, date, items, amount = line.split()
            day = datetime.strptime(date, "%Y%m%d").date()
            if int(items) < 1 or float(amount) < 0.0:
                raise ValueError("fewer than one CD, or less than nothing paid")
        except ValueError as error:
            sys.exit(f"convert.py: purchase {number}: {error}: {line.strip()!r}")
        yield day, f"order-{number:05},{customer},{float(amount):.2f},{items},{day}T00:00:00Z"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="ascii") as purchases:
        rows = sorted(orders(purchases), key=lambda row: row[0])
    sys.stdout.reconfigure(newline="\n")
    print("order_id,customer_id,amount,items,created_at")
    for _, row in rows:
        print(row)


if __name__ == "__main__":
    main()
