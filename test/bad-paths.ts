export interface BadPath {
  /** As in the URL, below the media root. */
  path: string
  /** Found in the error. */
  why: RegExp
}

/** Raw paths that are answered with 400 and the reason; a URL parser must not normalise them first. */
export const BAD_PATHS: readonly BadPath[] = [
  { path: '', why: /empty/ },
  ...['%', 'a%', 'a%2', 'a%2/b', '%ZZ', 'a%G0', '%u0041', 'a%%b', '100% sure'].map(because(/percent escape/)),
  ...['%C3', '%C3%28', '%FF', '%C0%AF', '%C0%80', '%C0%2E', '%E0%80%80', '%F0%28%8C%BC', '%80', 'x/%A0'].map(
    because(/percent escape/),
  ),
  // Surrogates in UTF-8 (CESU) and code points past the last one are not UTF-8.
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
