"""Words of marketing exports and what they mean here: channels, platforms, kinds of events, countries."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from rapidfuzz.distance import OSA

from engines.terms import Channel, Platform

_SEPARATORS = re.compile(r"[\W_]+")

_CHANNELS: dict[Channel, str] = {
    Channel.EMAIL: "email, e mail, mail, newsletter, newsletters, edm, crm, mailing, mailchimp, klaviyo",
    Channel.SEO: "seo, organic, organic search, search organic, google organic, natural search",
    Channel.PAID_SEARCH: "paid search, search, sem, ppc, cpc, adwords, google ads, google adwords, "
    "google search, "
    "bing ads, microsoft ads, search ads, paidsearch, google cpc, bing cpc, brand search, shopping, google",
    Channel.PAID_SOCIAL: "paid social, social, social ads, social media, social media ads, facebook, "
    "facebook ads, "
    "fb, meta, meta ads, instagram, instagram ads, ig, linkedin, linkedin ads, tiktok, tiktok ads, "
    "twitter, x, "
    "twitter ads, snapchat, pinterest, reddit, reddit ads, paidsocial, facebook cpc",
    Channel.DISPLAY: "display, online display, display ads, banner, banners, gdn, programmatic, "
    "display network, "
    "google display, media, retargeting, remarketing, native",
    Channel.VIDEO: "video, online video, video ads, youtube, youtube ads, ctv, ott, tv",
    Channel.AFFILIATE: "affiliate, affiliates, affiliate marketing, cpa network",
    Channel.INFLUENCER: "influencer, influencers, influencer marketing, blogger, bloggers, creator, creators",
    Channel.ORGANIC_SOCIAL: "organic social, social organic, organic social media",
    Channel.CONTENT: "content, blog, content marketing",
    Channel.COMMUNITY: "community, forum, discord",
    Channel.PR: "pr, press, public relations",
    Channel.EVENTS: "events, event, conference, conferences, webinar, webinars, trade show",
    Channel.PARTNERSHIPS: "partnerships, partnership, partner, partners, referral, referrals",
    Channel.DIRECT_SALES: "direct sales, sales, outbound, sdr, cold calls",
    Channel.BRAND: "brand, branding, direct, none, direct none, type in, offline, radio, print, ooh",
}
_PLATFORMS: dict[Platform, str] = {
    Platform.INSTAGRAM: "instagram, insta, ig",
    Platform.TIKTOK: "tiktok, tik tok, tiktoker",
    Platform.YOUTUBE: "youtube, youtuber, yt, you tube",
    Platform.LINKEDIN: "linkedin, linked in",
    Platform.TWITTER: "twitter, x, x twitter",
    Platform.FACEBOOK: "facebook, fb",
    Platform.TWITCH: "twitch, twitch tv",
}
_TOUCHES = {
    "impression": "impression, impressions, view, imp, ad view, display view, seen, viewed, send, sent, "
    "delivered",
    "click": "click, clicks, tap, clicked, ad click, link click, engagement, interaction",
    "visit": "visit, visits, session, sessions, page view, pageview, landing, open, opened, site visit",
    "conversion": "conversion, conversions, converted, purchase, order, sale, transaction, checkout, "
    "paid, won, "
    "complete registration, signup, sign up, lead",
}
_YES = {"yes", "y", "true", "t", "1", "churned", "left", "cancelled", "canceled", "lost", "verified"}
_NO = {"no", "n", "false", "f", "0", "active", "current", "retained", "stayed"}
_INTENTS = ("transactional", "commercial", "navigational", "informational")
_COUNTRIES = (
    "AE united arab emirates, AR argentina, AT austria, AU australia, BD bangladesh, BE belgium, "
    "BG bulgaria, "
    "BR brazil, CA canada, CH switzerland, CL chile, CN china, CO colombia, CZ czechia, CZ czech republic, "
    "DE germany, DK denmark, DO dominican republic, DZ algeria, EC ecuador, EE estonia, EG egypt, ES spain, "
    "FI finland, FR france, GB united kingdom, GB great britain, GB uk, GB england, GE georgia, GH ghana, "
    "GR greece, GT guatemala, HK hong kong, HR croatia, HU hungary, ID indonesia, IE ireland, IL israel, "
    "IN india, IQ iraq, IR iran, IS iceland, IT italy, JM jamaica, JO jordan, JP japan, KE kenya, "
    "KH cambodia, "
    "KR south korea, KR korea, KW kuwait, KZ kazakhstan, LB lebanon, LK sri lanka, LT lithuania, "
    "LU luxembourg, "
    "LV latvia, MA morocco, MM myanmar, MX mexico, MY malaysia, NG nigeria, NL netherlands, NO norway, "
    "NP nepal, "
    "NZ new zealand, PE peru, PH philippines, PK pakistan, PL poland, PR puerto rico, PT portugal, "
    "PY paraguay, QA qatar, RO romania, RS serbia, RU russia, SA saudi arabia, SE sweden, SG singapore, "
    "SI slovenia, SK slovakia, SY syria, TH thailand, TN tunisia, TR turkey, TR türkiye, TW taiwan, "
    "UA ukraine, "
    "US united states, US united states of america, US usa, UY uruguay, UZ uzbekistan, VE venezuela, "
    "VN vietnam, YE yemen, ZA south africa"
)


def fold(text: str) -> str:
    """A name without case, punctuation and width: what makes two spellings the same."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _SEPARATORS.sub(" ", plain).strip() or plain.strip()


def _table(words: Mapping[str, str]) -> dict[str, str]:
    return {fold(word): str(value) for value, listed in words.items() for word in listed.split(",")}


_CHANNEL_OF = _table({one.value: words for one, words in _CHANNELS.items()})
_PLATFORM_OF = _table({one.value: words for one, words in _PLATFORMS.items()})
_TOUCH_OF = _table(_TOUCHES)
_COUNTRY_OF = {
    fold(name): code for code, _, name in (one.strip().partition(" ") for one in _COUNTRIES.split(","))
}
_CODES = frozenset(_COUNTRY_OF.values())


def channel_word(text: str) -> str | None:
    """The channel a word stands for, None for any other word."""
    return _CHANNEL_OF.get(fold(text))


@lru_cache(maxsize=10_000)
def channel_meant(text: str) -> tuple[str | None, bool]:
    """The channel a possibly misspelled word means, and whether it was misspelled."""
    said = fold(text)
    known = _CHANNEL_OF.get(said)
    if known or len(said) < 4:
        return known, False
    slips = 1 if len(said) < 7 else 2
    near = {
        value
        for word, value in _CHANNEL_OF.items()
        if len(word) >= 4 and OSA.distance(said, word, score_cutoff=slips) <= slips
    }
    return (near.pop(), True) if len(near) == 1 else (None, False)


def platform_word(text: str) -> str | None:
    """The social platform a word stands for."""
    return _PLATFORM_OF.get(fold(text))


def platform_in(text: str) -> set[str]:
    """The social platforms a longer text mentions; single letters do not count."""
    words = [word for word in fold(text).split() if len(word) > 1]
    return {_PLATFORM_OF[word] for word in words if word in _PLATFORM_OF}


def touch_word(text: str) -> str | None:
    """impression, click, visit or conversion."""
    return _TOUCH_OF.get(fold(text))


def yes_or_no(text: str) -> bool | None:
    """A flag as files write it; None for anything else."""
    said = fold(text)
    return True if said in _YES else False if said in _NO else None


def country_code(text: str) -> str | None:
    """ISO 3166 alpha-2 of a country by name or code."""
    upper = text.strip().upper()
    return upper if upper in _CODES else _COUNTRY_OF.get(fold(text))


def search_intent(text: str) -> str | None:
    """The intent nearest to buying among those listed."""
    said = fold(text).split()
    return next((one for one in _INTENTS if one in said or one[0] in said), None)


def alike(one: str, other: str) -> bool:
    """Whether two different names are probably one name misspelled."""
    first, second = fold(one).replace(" ", ""), fold(other).replace(" ", "")
    if first == second:
        return True
    if _digits(first) != _digits(second) or min(len(first), len(second)) < 6:
        return False
    slips = 1 if len(first) < 9 else 3
    return OSA.distance(first, second, score_cutoff=slips) <= slips


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
