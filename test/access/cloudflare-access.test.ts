import { exportJWK, exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type AccessContext, cloudflareAccess } from '../../src/access/cloudflare-access.ts'
import { AUDIENCE, startTeam, type Team } from '../kit/servers/jwks.ts'
import { type Site, startSite } from '../kit/worker/site.ts'

/** As in the source: the keys are requested once in this time at most. */
const COOLDOWN_MS = 5000

const ADA = { name: 'ada@example.com', scope: 'admin', via: 'access' }
const REFUSED = { refusal: { status: 401 } }
const UNAVAILABLE = { refusal: { status: 503, headers: { 'Retry-After': '5' } } }

let team: Team
beforeAll(async () => {
  team = await startTeam()
})
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
  team.requests = 0
  team.answer = null
})
afterAll(() => team.close())

/** An isolate that has no keys yet. */
function isolate(issuer: string | null = team.url) {
  const failures: unknown[] = []
  const kept: Promise<unknown>[] = []
  const signIn = cloudflareAccess(
    { audience: AUDIENCE, ...(issuer !== null && { issuer }) },
    { keepAlive: (work) => void kept.push(work), onFailure: (error) => failures.push(error) },
  )
  const send = (token: string | null, context?: AccessContext) =>
    signIn(
      new Request('https://h/', token === null ? {} : { headers: { 'Cf-Access-Jwt-Assertion': token } }),
      context,
    )
  return { send, failures, kept }
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function wait(ms: number): void {
  vi.setSystemTime(Date.now() + ms)
}

const seconds = (): number => Math.floor(Date.now() / 1000)

describe('the token of Cloudflare Access', () => {
  it('signs in a person by the e-mail address, as admin', async () => {
    expect(await isolate().send(await team.token())).toEqual(ADA)
  })

  it('signs in a service token by its common name', async () => {
    const token = await team.token({ email: undefined, sub: '', common_name: 'e3b0.access' })
    expect(await isolate().send(token)).toEqual({ ...ADA, name: 'e3b0.access' })
  })

  it('is not needed: without one, other ways to sign in are tried', async () => {
    expect(await isolate().send(null)).toBeNull()
  })

  it('is ignored while no team domain is configured', async () => {
    expect(await isolate(null).send(await team.token())).toBeNull()
    expect(team.requests).toBe(0)
  })

  it.each<[string, () => Record<string, unknown>]>([
    ['another application', () => ({ aud: ['0'.repeat(64)] })],
    ['an audience that contains ours', () => ({ aud: `${AUDIENCE}0` })],
    ['no audience', () => ({ aud: undefined })],
    ['another team', () => ({ iss: 'https://other.cloudflareaccess.com' })],
    ['our team with a slash', () => ({ iss: `${team.url}/` })],
    ['no issuer', () => ({ iss: undefined })],
    ['an end 61 s ago', () => ({ exp: seconds() - 61 })],
    ['no end', () => ({ exp: undefined })],
    ['an end that is a text', () => ({ exp: `${seconds() + 300}` })],
    ['a beginning in 61 s', () => ({ nbf: seconds() + 61 })],
  ])('is refused with %s', async (_, claims) => {
    const { send, failures } = isolate()
    expect(await send(await team.token(claims()))).toMatchObject(REFUSED)
    expect(failures).toEqual([])
  })

  it.each<[string, () => Record<string, unknown>]>([
    ['an end 59 s ago', () => ({ exp: seconds() - 59 })],
    ['a beginning in 59 s', () => ({ nbf: seconds() + 59 })],
    ['our audience among others', () => ({ aud: ['0'.repeat(64), AUDIENCE] })],
  ])('is accepted with %s', async (_, claims) => {
    expect(await isolate().send(await team.token(claims()))).toEqual(ADA)
  })
})

describe('a forged token', () => {
  const publish = (keys: JWK[]): void => {
    team.answer = (response) => response.end(JSON.stringify({ keys }))
  }
  const claims = (): object => ({
    iss: team.url,
    aud: [AUDIENCE],
    email: 'ada@example.com',
    exp: seconds() + 300,
  })
  const kid = (): string => team.key().kid

  it.each<[string, () => Promise<string>]>([
    ['no signature (alg none)', async () => `${encode({ alg: 'none', kid: kid() })}.${encode(claims())}.`],
    [
      'the public key as the secret of HS256',
      async () => {
        const { publicJwk } = team.key()
        const key = await importJWK(publicJwk, 'RS256', { extractable: true })
        const secret = new TextEncoder().encode(await exportSPKI(key as CryptoKey))
        return new SignJWT({ ...claims() }).setProtectedHeader({ alg: 'HS256', kid: kid() }).sign(secret)
      },
    ],
    [
      'the right key, but RS512',
      async () => {
        const { alg: _, ...publicJwk } = team.key().publicJwk
        publish([publicJwk])
        const jwk = await exportJWK(team.key().privateKey)
        const key = await importJWK(jwk, 'RS512')
        return new SignJWT({ ...claims() }).setProtectedHeader({ alg: 'RS512', kid: kid() }).sign(key)
      },
    ],
    [
      'a published key of another kind (ES256)',
      async () => {
        const { privateKey, publicKey } = await generateKeyPair('ES256')
        publish([{ ...(await exportJWK(publicKey)), kid: kid() }])
        return new SignJWT({ ...claims() }).setProtectedHeader({ alg: 'ES256', kid: kid() }).sign(privateKey)
      },
    ],
    [
      'a key of its own in the header',
      async () => {
        const pair = await generateKeyPair('RS256')
        const jwk = await exportJWK(pair.publicKey)
        const header = { alg: 'RS256', kid: kid(), jwk }
        return new SignJWT({ ...claims() }).setProtectedHeader(header).sign(pair.privateKey)
      },
    ],
    [
      'other claims under a real signature',
      async () => {
        const [header, , signature] = (await team.token()).split('.')
        return [header, encode({ ...claims(), email: 'eve@example.com' }), signature].join('.')
      },
    ],
  ])('is refused with %s', async (_, forge) => {
    const { send, failures } = isolate()
    expect(await send(await forge())).toMatchObject(REFUSED)
    expect(failures).toEqual([])
  })

  it.each<[string, (parts: string[]) => string]>([
    ['nothing but dots', () => '..'],
    ['only a header', ([header]) => `${header}`],
    ['no signature', ([header, payload]) => `${header}.${payload}`],
    ['an empty signature', ([header, payload]) => `${header}.${payload}.`],
    ['a part too many', (parts) => [...parts, 'x'].join('.')],
    [
      'half a signature',
      ([header, payload, signature = '']) => `${header}.${payload}.${signature.slice(0, 170)}`,
    ],
    [
      'half a payload',
      ([header, payload = '', signature]) => `${header}.${payload.slice(0, 40)}.${signature}`,
    ],
    ['payload and header swapped', ([header, payload, signature]) => `${payload}.${header}.${signature}`],
    ['signature and payload swapped', ([header, payload, signature]) => `${header}.${signature}.${payload}`],
    ['all parts reversed', (parts) => parts.toReversed().join('.')],
    ['text that is no token', () => 'Bearer null'],
  ])('is refused if it is %s', async (_, change) => {
    const { send, failures } = isolate()
    expect(await send(change((await team.token()).split('.')))).toMatchObject(REFUSED)
    expect(failures).toEqual([])
  })
})

describe('the keys of the team', () => {
  it('are requested once, also by requests at the same time', async () => {
    const { send } = isolate()
    const tokens = [await team.token(), await team.token({ email: 'eve@example.com' })]
    const people = await Promise.all(tokens.map((token) => send(token)))
    expect(people).toMatchObject([ADA, { name: 'eve@example.com' }])
    expect(await send(await team.token())).toEqual(ADA)
    expect(team.requests).toBe(1)
  })

  it('are waited for by the platform even if the client leaves, and if they cannot be had', async () => {
    const { send, kept } = isolate()
    await send(await team.token())
    team.answer = (response) => response.destroy()
    wait(10 * 60_000)
    await send(await team.token())
    expect(await Promise.allSettled(kept)).toMatchObject([{ status: 'fulfilled' }, { status: 'fulfilled' }])
  })

  it('are requested again after ten minutes', async () => {
    const { send } = isolate()
    await send(await team.token())
    wait(10 * 60_000)
    expect(await send(await team.token())).toEqual(ADA)
    expect(team.requests).toBe(2)
  })

  it('are requested again for a token with a new key', async () => {
    const { send } = isolate()
    const before = await team.token()
    await send(before)
    await team.rotate()
    wait(COOLDOWN_MS)
    expect(await send(await team.token())).toEqual(ADA)
    expect(await send(before)).toEqual(ADA)
    expect(team.requests).toBe(2)
  })

  it('are requested once for any number of tokens with unknown keys', async () => {
    const { send } = isolate()
    const known = await team.token()
    await send(known)
    const { rotate, token } = team
    await team.signSecretly()
    const unknown = await team.token()
    wait(COOLDOWN_MS)
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(Array.from({ length: 4 }, () => send(unknown)))
      for (const answer of answers) expect(answer).toMatchObject(REFUSED)
      wait(900)
    }
    expect(team.requests).toBe(2)
    expect(await send(known)).toEqual(ADA)
    await rotate()
    wait(COOLDOWN_MS)
    expect(await send(await token())).toEqual(ADA)
  })

  it.each<[string, Team['answer']]>([
    ['fails', (response) => response.writeHead(500).end('{}')],
    ['redirects', (response) => response.writeHead(302, { Location: '/' }).end()],
    ['sends no JSON', (response) => response.end('<html>')],
    ['sends no keys', (response) => response.end('{"keys": "none"}')],
    ['sends keys that are none', (response) => response.end('{"keys": [1]}')],
    ['breaks off', (response) => response.destroy()],
  ])('cannot be had if the server %s: 503 and a line in the log, until it works again', async (_, answer) => {
    team.answer = answer
    const { send, failures } = isolate()
    const token = await team.token()
    for (let round = 0; round < 3; round++) expect(await send(token)).toMatchObject(UNAVAILABLE)
    expect(failures).toHaveLength(3)
    expect(team.requests).toBe(1)
    team.answer = null
    wait(COOLDOWN_MS)
    expect(await send(token)).toEqual(ADA)
  })

  it.each<[string, () => object]>([
    ['without its numbers', () => ({ n: undefined })],
    ['not base64url', () => ({ n: 'ä', e: '!' })],
    ['too short', () => ({ n: team.key().publicJwk.n?.slice(0, 171) })],
    ['half a private key', () => ({ d: 'AQAB' })],
  ])('that are of no use (%s) are a 503', async (_, changes) => {
    const key = { ...team.key().publicJwk, ...changes() }
    team.answer = (response) => response.end(JSON.stringify({ keys: [key] }))
    const { send, failures } = isolate()
    expect(await send(await team.token())).toMatchObject(UNAVAILABLE)
    expect(failures).toHaveLength(1)
  })

  it('that are known still sign in while the server is down, and unknown ones are 503', async () => {
    const { send, failures } = isolate()
    const known = await team.token()
    await send(known)
    await team.rotate()
    const unknown = await team.token()
    team.answer = (response) => response.writeHead(503).end()
    wait(COOLDOWN_MS)
    expect(await send(unknown)).toMatchObject(UNAVAILABLE)
    expect(await send(known)).toEqual(ADA)
    expect(String(failures[0])).toContain('503')
    wait(10 * 60_000)
    expect(await send(known)).toMatchObject(UNAVAILABLE)
  })

  it('that never arrive are a 503 after a few seconds', async () => {
    team.answer = () => {}
    const { send, failures } = isolate()
    expect(await send(await team.token())).toMatchObject(UNAVAILABLE)
    expect(failures).toMatchObject([{ name: 'TimeoutError' }])
  })
})

describe('ctx.access', () => {
  const context = (identity: Record<string, unknown> | undefined, aud = AUDIENCE): AccessContext => ({
    aud,
    getIdentity: async () => identity,
  })

  it('signs in a person without any token', async () => {
    expect(await isolate().send(null, context({ email: 'ada@example.com' }))).toEqual(ADA)
    expect(team.requests).toBe(0)
  })

  it('of another application is refused, whatever the token', async () => {
    const other = context({ email: 'ada@example.com' }, '0'.repeat(64))
    expect(await isolate().send(await team.token(), other)).toMatchObject(REFUSED)
  })

  it('is used before the token', async () => {
    const token = await team.token({ email: 'eve@example.com' })
    expect(await isolate().send(token, context({ email: 'ada@example.com' }))).toEqual(ADA)
  })

  it('without a person is named by the token, if that can be verified', async () => {
    const token = await team.token({ email: undefined, common_name: 'e3b0.access' })
    expect(await isolate().send(token, context(undefined))).toMatchObject({ name: 'e3b0.access' })
    expect(await isolate().send(null, context(undefined))).toMatchObject({ name: 'Cloudflare Access' })
  })

  it('that cannot say who it is is a 503', async () => {
    const broken = { aud: AUDIENCE, getIdentity: () => Promise.reject(new Error('down')) }
    const { send, failures } = isolate()
    expect(await send(null, broken)).toMatchObject(UNAVAILABLE)
    expect(failures).toMatchObject([{ message: 'down' }])
  })
})

describe('the Worker behind Cloudflare Access', () => {
  let site: Site
  beforeEach(async () => {
    vi.useRealTimers()
    site = await startSite({
      storages: [{ type: 'r2', binding: 'MEDIA' }],
      vars: { ACCESS_AUDIENCE: AUDIENCE, ACCESS_TEAM_DOMAIN: team.url, API_TOKEN: '' },
    })
  })
  afterEach(() => site.close())

  const send = (token: string, init: RequestInit = {}) =>
    site.fetch('-/api/session', { ...init, headers: { 'Cf-Access-Jwt-Assertion': token } })

  it('requests the keys once for requests at the same time, and signs all of them in', async () => {
    team.answer = null
    const token = await team.token()
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(token)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200))
    expect(await answers[0]?.json()).toMatchObject({ name: 'ada@example.com', via: 'access' })
    expect(team.requests).toBe(1)
  })

  it('answers 503 while the keys cannot be fetched', async () => {
    team.answer = (response) => response.writeHead(500).end()
    const refused = await send(await team.token())
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([503, '5'])
    expect((await site.fetch('-/health')).status).toBe(200)
  })
})
