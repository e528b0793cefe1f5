"""Code tables of EBTS Type-2 fields, as literal data: which values a field may have, and what they mean.

Sources: FBI EBTS 9.1 (IAFIS-DOC-01078-9.1, 25 May 2010) for SEX, RAC, EYE, HAI, RET, SRF, NDR; the colour STR from
NIEM 6.0. Country and state codes are the NCIC codes as used with EBTS 9.1; the FBI changed some in 2022, so a code
that is not here is only worth a warning.
"""

from __future__ import annotations


def _table(words: str) -> frozenset[str]:
    return frozenset(words.split())


YES = {"Y": "yes"}
YES_NO = {"Y": "yes", "N": "no"}

MIL = {"A": "army", "F": "air force", "N": "navy", "M": "marines", "G": "coast guard"}

TSR = {
    "C": "confidential screening",
    "H": "suppress or change unsolicited notices of wants and sex offender entries",
    "P": "pre-commission candidate",
    "V": "National Child Protection Act of 1993",
}

SEX = {
    "F": "female",
    "M": "male",
    "G": "male impersonator",
    "N": "female impersonator",
    "X": "unknown",
    "Y": "male name, no gender given",
    "Z": "female name, no gender given",
}

RAC = {"A": "Asian", "B": "Black", "I": "Native American", "U": "unknown", "W": "White, Latino included"}

EYE = {
    "BLK": "black",
    "BLU": "blue",
    "BRO": "brown",
    "GRY": "grey",
    "GRN": "green",
    "HAZ": "hazel",
    "MAR": "maroon",
    "MUL": "multicoloured",
    "PNK": "pink",
    "XXX": "unknown",
}

HAI = {
    "BAL": "bald",
    "BLK": "black",
    "BLN": "blond or strawberry",
    "BRO": "brown",
    "GRY": "grey or partly grey",
    "RED": "red or auburn",
    "SDY": "sandy",
    "STR": "streaked",
    "WHI": "white",
    "BLU": "blue",
    "GRN": "green",
    "ONG": "orange",
    "PNK": "pink",
    "PLE": "purple",
    "XXX": "unknown",
}

NDR = {
    "1": "criminal file",
    "2": "civil file",
    "3": "unsolved latent file",
    "4": "major case file",
    "5": "latent image file",
    "6": "individuals of special concern (RISC)",
    "7": "Canada, real time identification",
    "8": "Department of Defense, ABIS",
    "9": "DHS IDENT",
    "10": "international terrorist file",
    "11": "RISC: wants and warrants",
    "12": "RISC: sexual offender registry",
    "13": "RISC: known and suspected terrorists",
    "14": "RISC: international terrorist file",
    "15": "RISC: other persons of special interest",
}
"""2.098, the files a search may name (EBTS 9.1); an agency needs consent for most of them."""

SRF = {
    "I": "candidate",
    "N": "none",
    "R": "candidate",
    "Y": "possible",
    "G": "none",
    "C": "inconclusive",
    "D": "deferred to a person",
    "P": "other",
    "M": "other",
    "X": "other",
    "Z": "disposition posted, no search",
}
"""2.059: what the search said, in our words; the letters of SRE, RPISR and EBTS 11.2's fuller list."""

AMP = {"XX": "amputated or partial", "UP": "unable to print"}

CTZ = _table(
    """
    AA AC AD AE AF AH AI AJ AN AO AQ AS AT AU AW AY BB BD BE BF BG BH BI BL BM BN BO BQ BR BS BT
    BU BV BW BX BZ CB CC CD CF CJ CK CM CN CP CQ CR CS CV CW CX CY DB DD DG DH DI DJ DK DM DN DR EK
    EL EM EN EO ER ES EU EY FA FD FG FJ FN FO FP FS GB GC GE GF GG GI GJ GK GL GN GO GP GT GY GZ HD
    HE HK HN HR HS HT HU IB IC IE II IM IO IQ IR IS IT IU IY JA JE JM JN JO JU KB KE KH KN KO KR KU
    LB LE LH LI LN LS LT LU LX LY MF MG MJ ML MM MP MQ MU MV MY MZ NE NF NG NI NN NO NP NQ NR NU NW
    NX NZ OC OF OI OM PC PD PF PG PI PK PM PO PS PT PU PV QA RB RC RE RG RH RR RS RU RV RW RY SA SB
    SE SF SG SH SJ SK SM SP SQ SR SS ST SU SV SW SX SY SZ TC TD TE TF TG TH TI TK TM TO TP TR TS TT
    TU TV TW TY TZ UA UG UM US UV UY VB VM VN VS VV VY VZ WB WF WG WL WN WS YE YG ZB ZC ZI ZM ZO ZR
    """
)
"""Country codes (NCIC)."""

POB = CTZ | _table(
    """
    AB AG AK AL AR AZ BA BC BJ CA CE CH CI CL CO CT CU DC DE DF DL DO EE FC FL FX GA GR GU HI HL IA
    ID IL IN IX JL KP KS KW KY LA LC MA MB MC MD ME MI MN MO MR MS MT MX NA NB NC ND NH NJ NK NL
    NM NS NT NV NY OA OH OK ON OR OS PA PB PE PQ QR QU RI RL SC SD SI SL SN SO TA TB TL TN TS
    TX UC UT VA VC VT WA WE WI WV WY XX YT YU YY ZA
    """
)
"""Place of birth: countries, and states and provinces of the USA, Mexico and Canada (NCIC)."""
