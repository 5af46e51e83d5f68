import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createUrlSigner } from '../../src/access/signed-url.ts'
import { DISPOSITION } from '../../src/schemas/requests.ts'
import { encodeName } from '../../src/storage/name.ts'
import { anyCharacter } from '../kit/any-character.ts'
import { NASTY_NAMES } from '../names.ts'

const NOW = Date.UTC(2026, 10, 28, 12, 0, 0)
const SECONDS = NOW / 1000
const WEEK = 7 * 24 * 60 * 60

const OLD_KEY = { id: '2025', key: 'the key of the year 2025, which still verifies' }
const NEW_KEY = { id: '2026-A_b', key: 'the key of the year 2026, which signs all new URLs' }
const signer = createUrlSigner([NEW_KEY, OLD_KEY])

interface Signed {
  path?: string
  expires?: number
  contentDisposition?: string
}

async function signedUrl(
  { path = '/photos/a%20b.jpg', expires = SECONDS + 60, contentDisposition }: Signed = {},
  by = signer,
): Promise<string> {
  const query = await by.sign(path, {
    expires,
    ...(contentDisposition !== undefined && { contentDisposition }),
  })
  return `https://media.example${path}${query}`
}

const verify = (url: string, now = NOW) => signer.verify(url, now)

describe('a signed URL', () => {
  it('has the query that the documentation describes', async () => {
    const url = await signedUrl({ contentDisposition: 'attachment; filename="a/b\'s.jpg"' })
    expect(url).toMatch(
      /^https:\/\/media\.example\/photos\/a%20b\.jpg\?expires=1795867260&key=2026-A_b&signature=[\w-]{43}&response-content-disposition=attachment%3B%20filename%3D%22a%2Fb%27s\.jpg%22$/,
    )
  })

  it('is the HMAC of the documented text', async () => {
    const url = new URL(await signedUrl({ contentDisposition: 'inline' }))
    const text = 'fallback-storage-url-v1\nread\n/photos/a%20b.jpg\n1795867260\n2026-A_b\ninline'
    const raw = new TextEncoder().encode(NEW_KEY.key)
    const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    const mac = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text))
    expect(url.searchParams.get('signature')).toBe(
      btoa(String.fromCharCode(...new Uint8Array(mac)))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replace('=', ''),
    )
  })

  it('says which key signed it, and the disposition', async () => {
    expect(await verify(await signedUrl())).toEqual({ keyId: '2026-A_b' })
    const contentDisposition = 'attachment; filename="50% + 1.jpg"'
    expect(await verify(await signedUrl({ contentDisposition }))).toEqual({
      keyId: '2026-A_b',
      contentDisposition,
    })
  })

  it('is accepted from every configured key, and from no other', async () => {
    const older = createUrlSigner([OLD_KEY])
    expect(await verify(await signedUrl({}, older))).toEqual({ keyId: '2025' })
    expect(await older.verify(await signedUrl(), NOW)).toBeNull()
    const impostor = createUrlSigner([{ id: NEW_KEY.id, key: OLD_KEY.key }])
    expect(await verify(await signedUrl({}, impostor))).toBeNull()
  })

  it('expires at the second', async () => {
    const url = await signedUrl({ expires: SECONDS + 60 })
    expect(await verify(url, NOW + 59_999)).not.toBeNull()
    expect(await verify(url, NOW + 60_000)).toBeNull()
  })

  it('is valid for seven days at most, by a clock that may be a minute ahead', async () => {
    expect(await verify(await signedUrl({ expires: SECONDS + WEEK + 60 }))).not.toBeNull()
    expect(await verify(await signedUrl({ expires: SECONDS + WEEK + 61 }))).toBeNull()
    expect(await verify(await signedUrl({ expires: 999_999_999_999 }))).toBeNull()
  })

  it.each(NASTY_NAMES.map((name) => [encodeName(name)]))('can be made for /%s', async (path) => {
    const url = await signedUrl({ path: `/${path}` })
    expect(await verify(url)).not.toBeNull()
    // What clients send when they are given the URL.
    expect(await verify(new URL(url).href)).not.toBeNull()
  })

  it('passes through clients that parse URLs, whatever the disposition', async () => {
    const printable = fc
      .string({
        unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
        minLength: 1,
      })
      .filter((value) => DISPOSITION.test(value))
    await fc.assert(
      fc.asyncProperty(printable, async (contentDisposition) => {
        const url = new URL(await signedUrl({ contentDisposition })).href
        expect(await verify(url)).toEqual({ keyId: '2026-A_b', contentDisposition })
      }),
    )
  })

  it.each([
    'attachment\r\nSet-Cookie: a=b',
    'attachment\0',
    'attachment; filename="ä"',
    '\u2028',
    ' ',
    'a\x7f',
  ])('is refused with the disposition %j, even if the signature is right', async (contentDisposition) => {
    expect(await verify(await signedUrl({ contentDisposition }))).toBeNull()
  })
})

const SUBJECTS: Signed[] = [
  {},
  { path: '/media/%D1%84/50%25%2Fa.jpg', expires: SECONDS + WEEK },
  { contentDisposition: 'attachment; filename="a%20b + c.jpg"' },
]

/** Ways to change a URL, each of which uses these numbers as it needs. */
type Mutation = (url: string, numbers: { at: number; other: number; text: string }) => string

const pick = <T>(list: readonly T[], at: number): T => list[at % list.length]!
const flipCase = (char: string) => (char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase())
const replaceAt = (text: string, at: number, by: (char: string) => string) =>
  text.slice(0, at) + by(text[at]!) + text.slice(at + 1)

/** Changes one character between the host and the end. */
const within = (url: string, at: number, by: (char: string) => string) => {
  const start = url.indexOf('/', 'https://'.length) + 1
  return replaceAt(url, start + (at % (url.length - start)), by)
}

function changeQuery(url: string, change: (parameters: string[]) => string[]): string {
  const [path, query = ''] = url.split('?')
  return `${path}?${change(query.split('&')).join('&')}`
}

function changeParameter(url: string, at: number, change: (name: string, value: string) => string): string {
  return changeQuery(url, (parameters) =>
    parameters.map((parameter, index) => {
      const [name = '', value = ''] = parameter.split('=')
      return index === at % parameters.length ? change(name, value) : parameter
    }),
  )
}

const percent = (char: string) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`
const EXTRA = ['x=1', 'expires=9999999999', 'signature=', 'key=2025', 'Expires=1', 'utm_source=mail', '', 'a']

const MUTATIONS: Record<string, Mutation> = {
  'a character replaced': (url, { at, text }) => within(url, at, () => text),
  'a character percent-encoded': (url, { at }) => within(url, at, percent),
  'a character in the other case': (url, { at }) => within(url, at, flipCase),
  'a character inserted': (url, { at, text }) => within(url, at, (char) => text + char),
  'a character removed': (url, { at }) => within(url, at, () => ''),
  'cut short': (url, { at }) => url.slice(0, -1 - (at % (url.length - 'https://media.example/'.length))),
  'something appended': (url, { text }) => url + text,
  'parameters in another order': (url, { at, other }) =>
    changeQuery(url, (parameters) => {
      const moved = [...parameters]
      const [taken = ''] = moved.splice(at % moved.length, 1)
      moved.splice(other % (moved.length + 1), 0, taken)
      return moved
    }),
  'a parameter repeated': (url, { at, other }) =>
    changeQuery(url, (parameters) =>
      parameters.toSpliced(other % (parameters.length + 1), 0, pick(parameters, at)),
    ),
  'a parameter removed': (url, { at }) =>
    changeQuery(url, (parameters) => parameters.toSpliced(at % parameters.length, 1)),
  'a parameter added': (url, { at, other }) =>
    changeQuery(url, (parameters) =>
      parameters.toSpliced(other % (parameters.length + 1), 0, pick(EXTRA, at)),
    ),
  'a parameter emptied': (url, { at }) => changeParameter(url, at, (name) => `${name}=`),
  'a name in upper case': (url, { at }) =>
    changeParameter(url, at, (name, value) => `${name.toUpperCase()}=${value}`),
  'a name percent-encoded': (url, { at, other }) =>
    changeParameter(url, at, (name, value) => `${replaceAt(name, other % name.length, percent)}=${value}`),
  // Few have anything to decode.
  'a value decoded': (url) =>
    changeQuery(url, (parameters) =>
      parameters.map((parameter) => (parameter.includes('%') ? decodeURIComponent(parameter) : parameter)),
    ),
  'another expiry': (url, { at }) =>
    changeParameter(url, 0, (name, value) => `${name}=${Number(value) + 1 + at}`),
  'an expiry written otherwise': (url, { at }) =>
    changeParameter(
      url,
      0,
      (name, value) =>
        `${name}=${pick([`0${value}`, `${value}.0`, `+${value}`, `${value}e0`, ` ${value}`], at)}`,
    ),
  'another key': (url, { at }) =>
    changeParameter(url, 1, (name) => `${name}=${pick(['2025', '2027', '2026', '2026-a_B'], at)}`),
  'a bit of the signature': (url, { at }) =>
    changeParameter(url, 2, (name, value) => {
      const bytes = Uint8Array.fromBase64(`${value}=`, { alphabet: 'base64url' })
      bytes[at % bytes.length]! ^= 1 << (at % 8)
      return `${name}=${bytes.toBase64({ alphabet: 'base64url', omitPadding: true })}`
    }),
  'the unused bits of the signature': (url, { at }) =>
    changeParameter(url, 2, (name, value) => {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      const last = alphabet.indexOf(value.at(-1)!)
      return `${name}=${value.slice(0, -1)}${alphabet[last + 1 + (at % 3)]}`
    }),
  'the signature padded': (url) => changeParameter(url, 2, (name, value) => `${name}=${value}=`),
  'the signature in the other alphabet': (url) =>
    changeParameter(url, 2, (name, value) => `${name}=${value.replaceAll('-', '+').replaceAll('_', '/')}`),
  'another path': (url, { at }) =>
    url.replace(
      /example[^?]*/,
      `example${pick(['/', '/a', '//photos/a%20b.jpg', '/photos/a%20b.jpg/', '/photos/./a%20b.jpg', '/photos/a+b.jpg', '/photos%2Fa%20b.jpg', '/photos/a%2520b.jpg'], at)}`,
    ),
  'a second query': (url, { at }) => url.replace('?', pick(['??', '?x?', '?x&', '?&', '%3F', '?x#?'], at)),
}

describe('1,000 changes of valid URLs', () => {
  it('are all refused, while the URLs themselves are accepted', async () => {
    const urls = await Promise.all(SUBJECTS.map((subject) => signedUrl(subject)))
    for (const url of urls) expect(await verify(url)).not.toBeNull()
    const tried = new Map<string, number>()
    const change = fc.record({
      url: fc.constantFrom(...urls),
      mutation: fc.constantFrom(...Object.keys(MUTATIONS)),
      at: fc.nat({ max: 10_000 }),
      other: fc.nat({ max: 10_000 }),
      text: fc.oneof(anyCharacter, fc.constantFrom('/', '%', '&', '?', '=', '0', '9', 'a', '#', '\n')),
    })
    await fc.assert(
      fc.asyncProperty(change, async ({ url, mutation, ...numbers }) => {
        const changed = MUTATIONS[mutation]!(url, numbers)
        fc.pre(changed !== url)
        tried.set(mutation, (tried.get(mutation) ?? 0) + 1)
        expect(await verify(changed), `${mutation}: ${changed}`).toBeNull()
      }),
      { numRuns: 1000 },
    )
    expect([...tried.keys()].sort()).toEqual(Object.keys(MUTATIONS).sort())
  })
})
