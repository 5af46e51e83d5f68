import { createServer, type ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import { close, listen } from './listen.ts'

export const AUDIENCE = '32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228'

/** A team's keys as Cloudflare Access publishes them, and the tokens that it would send. */
export interface Team {
  /** The issuer of its tokens, without a slash at the end. */
  readonly url: string
  /** How often the keys were requested. */
  requests: number
  /** Answers requests for the keys; `null` for the keys themselves. */
  answer: ((response: ServerResponse) => void) | null
  /** A token of a person, signed with the newest key; claims that are `undefined` are left out. */
  token(claims?: JWTPayload): Promise<string>
  /** The private key by which tokens are signed now, and its public half. */
  key(): { kid: string; privateKey: CryptoKey; publicJwk: JWK }
  /** Signs with a new key from now on; the keys before stay published, as Access keeps them. */
  rotate(): Promise<void>
  /** Signs with a new key that is not published. */
  signSecretly(): Promise<void>
  close(): Promise<void>
}

export async function startTeam(): Promise<Team> {
  const published: JWK[] = []
  let current = await createKey(0)
  published.push(current.publicJwk)
  const server = createServer((_, response) => {
    team.requests += 1
    if (team.answer) team.answer(response)
    else response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ keys: published }))
  })
  const url = (await listen(server)).slice(0, -1)
  let created = 0
  const team: Team = {
    url,
    requests: 0,
    answer: null,
    key: () => current,
    async token(claims = {}) {
      const now = Math.floor(Date.now() / 1000)
      const person = { email: 'ada@example.com', type: 'app', sub: '7335d417', country: 'GB' }
      const times = { iat: now, nbf: now, exp: now + 300 }
      return new SignJWT({ iss: url, aud: [AUDIENCE], ...person, ...times, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: current.kid, typ: 'JWT' })
        .sign(current.privateKey)
    },
    async rotate() {
      await team.signSecretly()
      published.unshift(current.publicJwk)
    },
    async signSecretly() {
      created += 1
      current = await createKey(created)
    },
    close: () => close(server),
  }
  return team
}

async function createKey(number: number): Promise<ReturnType<Team['key']>> {
  const kid = `key-${number}`
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } }
}
