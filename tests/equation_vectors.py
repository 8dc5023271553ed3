"""Results that were worked out by hand, one line each: equation, inputs, exact result, rounded result.

Inputs are chosen so that a person can follow: half of 20.9 % oxygen doubles, 20 % of water takes a fifth.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

_LINES = """
F-1           SO2C=1000 FLOW=1000000                                        | 166       | 166.0
F-2           SO2C=1000 FLOW=1000000 H2O=10                                 | 149.4     | 149.4
F-26A         NOXC=1000 FLOW=1000000                                        | 119.4     | 119.4
F-26B         NOXC=1000 FLOW=1000000 H2O=10                                 | 107.46    | 107.5
F-11          CO2C=10 FLOW=10000000                                         | 57        | 57.0
F-2 CO2       CO2C=10 FLOW=10000000 H2O=20                                  | 45.6      | 45.6
F-23          ER=0.6 HI=1500.5                                              | 900.3     | 900.3
F-24A         NOXR=0.5 HI=1500.3                                            | 750.15    | 750.2
F-14A         O2C=10.45 Fc=1000 Fd=10000                                    | 5         | 5.0
F-14A         O2C=21.2 Fc=1000 Fd=10000                                     | -0.1435406698564593301435406699 | 0.0
F-14B         O2C=6.27 H2O=20 Fc=1000 Fd=10000                              | 5.0       | 5.0
F-14B         O2C=18.81 H2O=20 Fc=1000 Fd=10000                             | -1        | 0.0
F-31          O2D=8 O2W=7                                                   | 12.5      | 12.5
F-31          O2D=8 O2W=8                                                   | 0         | 0.0
F-15          FLOW=18000000 CO2C=10 Fc=1800                                 | 1000      | 1000.0
F-16          FLOW=18000000 CO2C=10 H2O=10 Fc=1800                          | 900       | 900.0
F-17          FLOW=20000000 O2C=6.27 H2O=20 Fd=10000                        | 1000      | 1000.0
F-18          FLOW=20000000 O2C=10.45 H2O=20 Fd=10000                       | 800       | 800.0
F-18          FLOW=20000000 O2C=20.9 H2O=20 Fd=10000                        | 0         | 1.0
F-15          FLOW=18000000 CO2C=0 Fc=1800                                  | 0         | 1.0
F-21A         HI=1000 TCS=1 TU=0.5 LOAD=100 ULOAD.a=100 UTIME.a=0.5 ULOAD.b=150 UTIME.b=1 | 500 | 500.0
F-21B         HI=1000 TCS=1 TU=1 LOAD=300 ULOAD.a=300 UTIME.a=1 ULOAD.b=100 UTIME.b=1 | 750 | 750.0
F-21C         HI.a=1000 T.a=0.5 HI.b=400 T.b=1 TU=1                         | 900       | 900.0
F-25          HI.a=1000 T.a=0.25 HI.b=400 T.b=0.5 TCS=0.5                   | 900       | 900.0
F-8           X.coal=0.75 Fc.coal=1800 X.gas=0.25 Fc.gas=1040               | 1610      | 1610.0
F-8 FD        X.coal=0.5 Fd.coal=9780 X.gas=0.5 Fd.gas=8710                 | 9245      | 9245.0
F-8 FW        X.coal=0.5 Fw.coal=10640 X.gas=0.5 Fw.gas=10610               | 10625     | 10625.0
F-7A          H=5 C=70 S=2 N=1.5 O=8 GCV=12500                              | 9837.6    | 9837.6
F-7B          C=70 GCV=12500                                                | 1797.6    | 1797.6
D-1H          S=0.7 GCV=100000                                              | 0.002     | 0.0020
D-2           OIL=1000 S=0.5                                                | 10        | 10.0
D-4           GAS=7000 S=0.7                                                | 1.4       | 1.40000
D-5           ER=0.0006 HI=1499.2                                           | 0.89952   | 0.89952
D-12          SO2.gas=0.8 T.gas=0.5 SO2.oil=10 T.oil=0.25 TU=0.5            | 5.8       | 5.8000
D-6           GAS=10000 GCV=102400                                          | 1024      | 1024.0
F-20          GAS=10000 GCV=102400                                          | 1024      | 1024.0
D-8           OIL=10000 GCV=19500                                           | 195       | 195.0
F-19          OIL=10000 GCV=19500                                           | 195       | 195.0
D-15A         HI.gas=1000 T.gas=0.5 HI.oil=200 T.oil=0.25 TU=0.5            | 1100      | 1100.0
D-15A         HI.gas=1000 HI.oil=200 T=0.5 TU=0.5                           | 1200      | 1200.0
D-15A         HI=1000 T=0.5 TU=0.5                                          | 1000      | 1000.0
G-4           Fc=1000 HI=1750                                               | 100       | 100.0
G-4A          CO2.gas=60 T.gas=0.5 CO2.oil=20 T.oil=0.25 TU=0.5             | 70        | 70.0
F-5           NOXC=100 O2C=10.45 Fd=10000                                   | 0.2388    | 0.239
F-6           NOXC=100 CO2C=10 Fc=2000                                      | 0.2388    | 0.239
A-2           HGC=10 FLOW=1000000000                                        | 0.624     | 0.624
A-3           HGC=10 FLOW=1000000000 H2O=50                                 | 0.312     | 0.312
A-2 HGRE      HGC=10 FLOW=1000000000 LOAD=1000                              | 0.624     | 0.624
A-3 HGRE      HGC=10 FLOW=1000000000 H2O=50 LOAD=1000                       | 0.312     | 0.312
A-4           HG=0.0031239 LOAD=100                                         | 0.031239  | 0.0312
HC-2          HCLC=1 FLOW=100000000                                         | 9.43      | 9.43
HC-3          HCLC=1 FLOW=100000000 H2O=10                                  | 8.487     | 8.487
HC-2 HCLRE    HCLC=1 FLOW=100000000 LOAD=200                                | 0.04715   | 0.0472
HC-3 HCLRE    HCLC=1 FLOW=100000000 H2O=10 LOAD=200                         | 0.042435  | 0.0424
HC-4          HCL=9.43 LOAD=200                                             | 0.04715   | 0.0472
HF-2          HFC=1 FLOW=100000000                                          | 5.18      | 5.18
HF-3          HFC=1 FLOW=100000000 H2O=10                                   | 4.662     | 4.662
HF-2 HFRE     HFC=1 FLOW=100000000 LOAD=200                                 | 0.0259    | 0.0259
HF-3 HFRE     HFC=1 FLOW=100000000 H2O=10 LOAD=200                          | 0.02331   | 0.0233
HF-4          HF=5.18 LOAD=200                                              | 0.0259    | 0.0259
S-2           SO2C=10 FLOW=100000000                                        | 166       | 166
S-3           SO2C=10 FLOW=100000000 H2O=10                                 | 149.4     | 149.4
S-2 SO2RE     SO2C=10 FLOW=100000000 LOAD=200                               | 0.83      | 0.830
S-3 SO2RE     SO2C=10 FLOW=100000000 H2O=10 LOAD=200                        | 0.747     | 0.747
S-4           SO2=166 LOAD=200                                              | 0.83      | 0.830
lb/h wet CO   COC=100 FLOW=10000000                                         | 72.7      | 72.7
lb/h dry CO   COC=100 FLOW=10000000 H2O=10                                  | 65.43     | 65.4
lb/h wet PM   PMC=10 FLOW=100000000                                         | 62.4      | 62.4
lb/h dry PM   PMC=10 FLOW=100000000 H2O=10                                  | 56.16     | 56.2
lb/MWh NOXRE  NOX=150.3 LOAD=200                                            | 0.7515    | 0.752
lb/MWh SO2RE  SO2=100 LOAD=400                                              | 0.25      | 0.250
lb/MWh CORE   CO=50 LOAD=400                                                | 0.125     | 0.125
lb/MWh PMRE   PM=18 LOAD=200                                                | 0.09      | 0.090
lb/MWh CO2RE  CO2=100 LOAD=200                                              | 1000      | 1000.000
C-1           FUEL=1000000 HHV=0.001026 EF=53.06                            | 54.43956  | 54.43956
C-6           CO2C=10 FLOW=10000000                                         | 51.8      | 51.8
C-7           CO2C=10 FLOW=10000000 H2O=20                                  | 41.44     | 41.44
C-8           FUEL=1000000 HHV=0.001 EF=0.001                               | 0.001     | 0.001
C-8 N2O       FUEL=1000000 HHV=0.001 EF=0.0001                              | 0.0001    | 0.0001
ETS-1         CO2C=200 FLOW=500000                                          | 100       | 100
ETS-1         CO2C.1=200 FLOW.1=500000 CO2C.2=100 FLOW.2=500000             | 150       | 150
ETS-2         CO2=150 HOURS=2                                               | 75000     | 75000
"""

_METHOD_19 = """
19-1          O2C=10.45 Fd=10000                                            | 2.0
19-2          O2C=9.405 Fw=10000 BWA=0.05                                   | 2.0
19-3          O2C=8.36 H2O=10 Fd=10000                                      | 2.0
19-3D         O2CAP=10.45 H2O=20 Fd=10000                                   | 2.5
19-4          O2C=10.45 H2O=20 Fd=10000                                     | 2.5
19-5          O2C=8.36 H2O=20 Fd=10000                                      | 2.0
19-5D         O2CAP=10.45 Fd=10000                                          | 2.0
19-6          CO2C=10 Fc=2000                                               | 2.0
19-7          CO2C=10 Fc=2000                                               | 2.0
19-8          CO2C=10 H2O=20 Fc=2000                                        | 2.5
19-9          CO2C=10 H2O=20 Fc=2000                                        | 1.6
"""
"""What a hundred of a pollutant times its constant, times a million, comes to be multiplied with."""

_RATES = """
NOXR   NOXC=100  | 2.0 0.2388 0.239  | 2.5 0.2985  0.299   | 1.6 0.19104 0.191
SO2RH  SO2C=100  | 2.0 0.332  0.332  | 2.5 0.415   0.415   | 1.6 0.2656  0.266
HCLRH  HCLC=100  | 2.0 0.1886 0.189  | 2.5 0.23575 0.236   | 1.6 0.15088 0.151
HFRH   HFC=100   | 2.0 0.1036 0.104  | 2.5 0.1295  0.130   | 1.6 0.08288 0.0829
HGRH   HGC=100   | 2.0 124.8  125    | 2.5 156     156     | 1.6 99.84   99.8
PMRH   PMC=100   | 2.0 0.1248 0.125  | 2.5 0.156   0.156   | 1.6 0.09984 0.0998
COR    COC=100   | 2.0 0.1454 0.145  | 2.5 0.18175 0.182   | 1.6 0.11632 0.116
"""
"""By pollutant: the inputs, and for each multiple the exact and the rounded rate."""

_REFERENCES = """
O2-US     {}C=100 O2C=15 O2REF=3                                            | 303.3898305084745762711864407 | 303.39
CO2-US    {}C=100 CO2C=8 CO2REF=12                                          | 150 | 150.00
O2-EU     {}C=100 O2C=13.5 O2REF=6                                          | 200 | 200.0
EU-STATE  {}C=100 TEMP=546.3 PRES=101.325 H2O=20 O2C=13.5 O2REF=6           | 500 | 500.0
"""
_KILOGRAMS = "kg/h {0}  {0}C=100 FLOW=500000 | 50 | 50"


class Vector(NamedTuple):
    equation: str
    inputs: dict[str, Decimal]
    exact: Decimal
    rounded: str

    def __str__(self) -> str:
        return f"{self.equation} of {' '.join(f'{symbol}={value}' for symbol, value in self.inputs.items())}"


def _vector(line: str) -> Vector:
    left, exact, value = (part.strip() for part in line.split("|"))
    words = left.split()
    name = " ".join(word for word in words if "=" not in word)
    return Vector(name, _inputs(words), Decimal(exact), value)


def _inputs(words: list[str]) -> dict[str, Decimal]:
    pairs = (word.split("=") for word in words if "=" in word)
    return {symbol: Decimal(value) for symbol, value in pairs}


def _rates() -> list[Vector]:
    vectors = []
    for line in _RATES.strip().splitlines():
        head, *columns = (part.split() for part in line.split("|"))
        results = {multiple: (Decimal(exact), value) for multiple, exact, value in columns}
        for form in _METHOD_19.strip().splitlines():
            left, multiple = (part.strip() for part in form.split("|"))
            code, *inputs = left.split()
            name = code if head[0] == "NOXR" else f"{code} {head[0]}"
            vectors.append(Vector(name, _inputs([*head, *inputs]), *results[multiple]))
    return vectors


def _references() -> list[Vector]:
    lines = []
    for template in _REFERENCES.strip().splitlines():
        code, rest = template.split(maxsplit=1)
        metric = ("PM", "NH3", "TOC") if code in ("O2-EU", "EU-STATE") else ()
        lines += [f"{code} {gas}REF {rest.format(gas)}" for gas in ("NOX", "SO2", "CO", "HCL", "HF", *metric)]
    return [_vector(line) for line in lines]


VECTORS = (
    *(_vector(line) for line in _LINES.strip().splitlines()),
    *_rates(),
    *_references(),
    *(_vector(_KILOGRAMS.format(pollutant)) for pollutant in ("NOX", "SO2", "CO", "PM", "HCL", "HF")),
)
