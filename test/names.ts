/** Names that must survive PUT, GET, list and DELETE byte for byte. The first is the one that everybody meets. */
export const NASTY_NAMES: readonly string[] = [
  'photo (1).jpg',
  ...punctuation((mark) => `a${mark}b.jpg`),
  ...punctuation((mark) => `${mark}x`),
  ...punctuation((mark) => `x${mark}`),
  ...punctuation((mark) => `dir${mark}/file`),
  ...spaces(),
  ...slashes(),
  ...escapes(),
  ...scripts(),
  ...lengths(),
  ...traps(),
]

/** Every ASCII punctuation mark; a dot or slash alone is no segment, so `mark` stands beside something. */
function punctuation(place: (mark: string) => string): string[] {
  return Array.from('!"#$%&\'()*+,-.:;<=>?@[\\]^_`{|}~', place)
}

function spaces(): string[] {
  return [
    'a b',
    'a  b',
    ' leading',
    'trailing ',
    ' ',
    'a/ /b',
    'a\u00a0b',
    'a\u2003b',
    'a\u3000b',
    'a\u200bb',
    'a\ufeffb',
    '\ufeffbom.txt',
    'a\u2028b',
    'a\u2029b',
    'a+b c',
    'a + b',
  ]
}

function slashes(): string[] {
  return [
    '/leading',
    'a//b',
    'a///b',
    '//a',
    'a//',
    'trailing/',
    'a/b/',
    '/',
    '//',
    'a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p.txt',
    'a\\b',
    '\\\\server\\share',
    'C:\\Users\\x.txt',
    'a:b/c',
    'http://example.com/x.jpg',
    'https:/x',
    's3://bucket/key',
    'data:text/plain,x',
  ]
}

function escapes(): string[] {
  return [
    '%',
    '%%',
    '%2',
    '%2F',
    'a%2Fb',
    'a%2fb',
    'a%252Fb',
    '%25',
    '%20',
    'a%20b',
    '%00',
    '%0A',
    '%ZZ',
    '100% sure.txt',
    '%2e%2e/x',
    '%2E',
    '%C3%A9',
    '%u00e9',
    '&amp;',
    '&lt;b&gt;',
    '&#39;',
    '\\u0041',
    '\\n',
    '${x}',
    '{{x}}',
    '<b>x</b>',
    ']]>',
    '"quoted"',
    "'quoted'",
    '<?xml?>',
    '=?UTF-8?B?eA==?=',
  ]
}

function scripts(): string[] {
  return [
    'é.jpg',
    'e\u0301.jpg',
    'ñandú.png',
    'n\u0303.png',
    'Ångström',
    'A\u030angstro\u0308m',
    '\u212bngstro\u0308m',
    'ﬁle',
    'İstanbul',
    'ıstanbul',
    'straße',
    'ΑΒΓ/αβγς',
    'фото/кот.jpg',
    '写真/猫.jpg',
    '照片.png',
    '사진.jpg',
    '\u1109\u1161\u110c\u1175\u11ab.jpg',
    'ภาพถ่าย.jpg',
    'चित्र.jpg',
    'தமிழ்',
    'صورة.jpg',
    'תמונה.jpg',
    'שָׁלוֹם',
    'a\u202eb.jpg',
    '\u200fx\u200e',
    '\u2066x\u2069',
    'z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307',
    '😀',
    '😀.png',
    '👩‍👩‍👧‍👦.jpg',
    '👍🏽',
    '🇺🇳',
    '☺️',
    '☺',
    '𝔘𝔫𝔦𝔠𝔬𝔡𝔢',
    '𠀋.txt',
    '\ud7ff',
    '\ue000',
    '\ufffd',
    '\uffff',
    '\u{10000}',
    '\u{10ffff}',
    '\u{1f600}/\uffff',
    'ｆｕｌｌｗｉｄｔｈ．ｔｘｔ',
    '．．／x',
    '∕a⁄b',
    '‥/x',
    'Ⅷ',
    '№5',
  ]
}

/** Bounds are in UTF-8 bytes. */
function lengths(): string[] {
  return [
    'a',
    'a'.repeat(255),
    'a'.repeat(256),
    'a'.repeat(511),
    'a'.repeat(512),
    'a'.repeat(513),
    'a'.repeat(1023),
    'a'.repeat(1024),
    'é'.repeat(512),
    '猫'.repeat(341) + 'x',
    '😀'.repeat(256),
    `${'d/'.repeat(511)}xy`,
    ' '.repeat(1024),
    '%'.repeat(1024),
    "'".repeat(300),
  ]
}

function traps(): string[] {
  return [
    '...',
    '....',
    '.hidden',
    'a/.hidden',
    'a/...',
    '..a',
    'a..',
    'a../b',
    '.a/b',
    'a./b',
    '.well-known/x',
    '.git/config',
    'CON',
    'nul.txt',
    'aux/x',
    'con.',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'undefined',
    'null',
    'true',
    'NaN',
    '0',
    '00',
    '-1',
    '1e5',
    '--',
    '-rf',
    '--help',
    'a/-/b',
    '~root',
    'index.html',
    'favicon.ico',
    'robots.txt',
    'a?b=c&d=e',
    '?list-type=2',
    '?uploads',
    'a#fragment',
    'a;b=c',
    'a;jsessionid=1',
    'a,b',
    'a@b:c',
    'user:pass@host',
    '*',
    '**/*.jpg',
    'a|b',
    "Robert'); DROP TABLE--",
    '$(x)',
    '`x`',
    '[a-z].jpg',
    'A.jpg',
    'a.JPG',
    'x.tar.gz',
    'no extension.',
    'cdn-cgi/x',
  ]
}

/** A name as a test's title: ASCII, since reporters choke on lone surrogates and reorder right-to-left text. */
export function shown(name: string): string {
  const ascii = Array.from({ length: Math.min(name.length, 60) }, (_, index) => {
    const unit = name.charCodeAt(index)
    return unit > 0x20 && unit < 0x7f ? name.charAt(index) : `\\u${unit.toString(16).padStart(4, '0')}`
  })
  return name.length > 60 ? `${ascii.join('')}… (${name.length})` : ascii.join('')
}

export interface BadPath {
  /** As it stands in the URL, below the media root. */
  path: string
  /** Found in the error. */
  why: RegExp
}

/** Raw paths that are answered with 400 and the reason; a URL parser may not be asked to clean them. */
export const BAD_PATHS: readonly BadPath[] = [
  { path: '', why: /empty/ },
  ...['%', 'a%', 'a%2', 'a%2/b', '%ZZ', 'a%G0', '%u0041', 'a%%b', '100% sure'].map(because(/percent escape/)),
  ...['%C3', '%C3%28', '%FF', '%C0%AF', '%C0%80', '%C0%2E', '%E0%80%80', '%F0%28%8C%BC', '%80', 'x/%A0'].map(
    because(/percent escape/),
  ),
  // Surrogates in UTF-8 (CESU) and code points past the last one are no UTF-8.
  ...['%ED%A0%80', '%ED%B0%80', '%ED%A0%BD%ED%B8%80', '%F4%90%80%80', '%F8%88%80%80%80'].map(
    because(/percent escape/),
  ),
  ...['%00', 'a%00', '%00a', 'a/%00/b', 'a.jpg%00.png'].map(because(/control character/)),
  ...[
    '%01',
    '%09',
    '%0A',
    '%0D',
    'a%0D%0Ab',
    '%1B',
    '%1F',
    '%7F',
    '%C2%80',
    '%C2%85',
    '%C2%9F',
    'a\tb',
    'a\nb',
  ].map(because(/control character/)),
  ...['.', '..', './a', '../a', 'a/.', 'a/..', 'a/./b', 'a/../b', 'a/../../b', '/../a', 'a//..'].map(
    because(/segment/),
  ),
  ...[
    '%2E',
    '%2e%2E',
    '%2e/a',
    '.%2e/a',
    'a/%2e%2e/b',
    'a/%2e',
    '..%2Fa',
    'a%2F..%2Fb',
    '%2F..',
    'a%2f.%2fb',
  ].map(because(/segment/)),
  ...['\ud800', 'a\udc00', 'a/\udbff/b'].map(because(/surrogate/)),
  ...['a'.repeat(1025), 'é'.repeat(513), '😀'.repeat(257), '%41'.repeat(1025), `${'d/'.repeat(512)}x`].map(
    because(/1024/),
  ),
  ...['-', '-/', '-/api', '-/api/list/', '%2D/api', '-%2Fapi'].map(because(/API/)),
]

function because(why: RegExp): (path: string) => BadPath {
  return (path) => ({ path, why })
}
