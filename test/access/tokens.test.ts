import { describe, expect, it, vi } from 'vitest'
import { bearerToken, type Token } from '../../src/access/tokens.ts'

const READER: Token = { name: 'reader', token: 'the-token-of-the-reader', scope: 'read' }
const TEAM: Token = { name: 'team', token: 'the-token-of-the-team', scope: 'write', prefix: 'team/' }

function signIn(authorization: string | null, tokens: Token[] = [READER, TEAM]) {
  const headers = { ...(authorization !== null && { Authorization: authorization }) }
  return bearerToken(tokens)(new Request('https://media.example/a', { headers }))
}

describe('a bearer token', () => {
  it.each([READER, TEAM])('signs in as $name', async ({ token, ...rest }) => {
    expect(await signIn(`Bearer ${token}`)).toEqual({ ...rest, via: 'token' })
  })

  it('may have its scheme in any case, and spaces around it', async () => {
    expect(await signIn(`bEARER   ${READER.token} `)).toMatchObject({ name: 'reader' })
  })

  it.each([null, '', 'Bearer', 'Bearer a b', `Basic ${READER.token}`, READER.token])(
    'is none in %j',
    async (authorization) => {
      expect(await signIn(authorization)).toBeNull()
    },
  )

  it.each(['wrong', `${READER.token}x`, READER.token.slice(1), READER.token.toUpperCase()])(
    'is refused as %j',
    async (token) => {
      expect(await signIn(`Bearer ${token}`)).toMatchObject({
        refusal: { status: 401, headers: { 'WWW-Authenticate': expect.stringContaining('invalid_token') } },
      })
    },
  )

  it('is refused where none is configured', async () => {
    expect(await signIn(`Bearer ${READER.token}`, [])).toMatchObject({ refusal: { status: 401 } })
  })

  it('is compared with every configured token, which are hashed once', async () => {
    const digest = vi.spyOn(crypto.subtle, 'digest')
    const compare = vi.spyOn(crypto.subtle, 'timingSafeEqual')
    const way = bearerToken([READER, TEAM])
    const request = new Request('https://media.example/', {
      headers: { Authorization: `Bearer ${READER.token}` },
    })
    for (let round = 0; round < 3; round++) await way(request)
    expect([digest.mock.calls.length, compare.mock.calls.length]).toEqual([2 + 3, 2 * 3])
    digest.mockRestore()
    compare.mockRestore()
  })
})
