import { describe, expect, it } from 'vitest'
import { type AccessSettings, createAuthorization, refuseOutside } from '../../src/access/authorize.ts'
import type { Identity } from '../../src/access/identity.ts'
import { ROUTES } from '../../src/schemas/routes.ts'

const HOOKS = { keepAlive: () => {}, onFailure: () => {} }
const TOKENS = [{ name: 'ci', token: 'the-token-of-the-ci', scope: 'read' as const }]

function decide(settings: Partial<AccessSettings>, id: keyof typeof ROUTES, token?: string) {
  const authorizeFor = createAuthorization({ tokens: TOKENS, mediaAccess: 'public', ...settings }, HOOKS)
  const headers = { ...(token !== undefined && { Authorization: `Bearer ${token}` }) }
  return authorizeFor(ROUTES[id])?.(new Request('https://media.example/a', { headers }), () => undefined)
}

describe('authorization', () => {
  it('costs nothing for what anyone may read', () => {
    const authorizeFor = createAuthorization({ tokens: TOKENS, mediaAccess: 'public' }, HOOKS)
    const decided = Object.entries(ROUTES).filter(([, route]) => authorizeFor(route) === null)
    const open = Object.entries(ROUTES).filter(([, { access }]) => access === 'public' || access === 'media')
    expect(decided).toEqual(open.filter(([id]) => id !== 'existsAll'))
  })

  it('says which scope is needed, and whose token has too little', async () => {
    expect(await decide({}, 'putObject', 'the-token-of-the-ci')).toMatchObject({
      identity: { name: 'ci' },
      refusal: {
        status: 403,
        detail: 'this route needs the scope "write", and "ci" has "read"',
        headers: {
          'WWW-Authenticate': 'Bearer realm="fallback-storage", error="insufficient_scope", scope="write"',
        },
      },
    })
  })

  it.each(['public', 'token'] as const)('names API_TOKEN if none is configured (%s)', async (mediaAccess) => {
    for (const token of [undefined, 'any'])
      expect(await decide({ tokens: [], mediaAccess }, 'putObject', token)).toMatchObject({
        refusal: { status: 403, detail: expect.stringContaining('wrangler secret put API_TOKEN') },
      })
  })

  it('refuses unsigned media with 403, and the API with 401', async () => {
    const signed = { mediaAccess: 'signed' } as const
    expect(await decide(signed, 'getObject')).toMatchObject({ refusal: { status: 403 } })
    expect(await decide(signed, 'open')).toMatchObject({ refusal: { status: 401 } })
    expect(await decide(signed, 'getObject', 'the-token-of-the-ci')).toEqual({
      identity: { name: 'ci', scope: 'read', via: 'token' },
    })
  })
})

describe('an identity with a prefix', () => {
  const identity: Identity = { name: 'team', scope: 'admin', prefix: 'team/', via: 'token' }

  it.each([
    { name: 'team/a.jpg' },
    { name: 'team/' },
    { path: 'team' },
    { path: 'team/' },
    { path: 'team/2024' },
    { prefix: 'team/' },
    { prefix: 'team/2024-' },
    { query: { prefix: 'team/' } },
    { body: { prefix: 'team/x' } },
    { query: { prefix: '' }, body: { prefix: 'team/' } },
    { body: { names: ['team/a', 'team/b'] } },
    { body: { names: [] } },
    { body: { prefix: 'team/', manifest: { name: 'team/names.txt' } } },
  ])('may ask for %j', (subject) => {
    expect(refuseOutside(identity, subject)).toBeNull()
  })

  it.each([
    { name: 'team' },
    { name: 'teams/a' },
    { name: 'Team/a' },
    { name: 'other/team/a' },
    { path: 'tea' },
    { path: 'teams' },
    { prefix: 'team' },
    { prefix: 'tea' },
    { query: { prefix: '' } },
    { body: { prefix: '' } },
    { query: { prefix: 'team/' }, body: { prefix: '' } },
    { body: { names: ['team/a', 'other/b'] } },
    { body: { prefix: 'team/', manifest: { name: 'other/names.txt', backend: 'legacy' } } },
  ])('is refused %j', (subject) => {
    expect(refuseOutside(identity, subject)).toMatchObject({
      status: 403,
      detail: '"team" is limited to names that begin with "team/", and this request reaches beyond them',
    })
  })

  it.each([{}, { query: {} }, { id: '0123' }])('is told that a route is about everything: %j', (subject) => {
    expect(refuseOutside(identity, subject)).toMatchObject({
      status: 403,
      detail: expect.stringContaining('the whole deployment'),
    })
  })

  it('is no limit for an identity without one', () => {
    expect(refuseOutside({ name: 'all', scope: 'read', via: 'token' }, { name: 'any' })).toBeNull()
  })
})
