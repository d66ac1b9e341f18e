"""`python -m cyclegan_style.portraits FILE [--count N] [--columns C] [--seed S]`: a contact sheet."""

from common import sheets
from cyclegan_style.portraits.sheet import sheet

sheets.run(sheet, __doc__)
