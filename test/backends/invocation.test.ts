import { describe, expect, it } from 'vitest'
import { httpBackend } from '../../src/backends/http/http.ts'
import { passedBy, runInvocation } from '../../src/storage/invocation.ts'
import { deploymentId } from '../../src/config/config.ts'
import type { HttpConfig } from '../../src/config/backend-config.ts'
import { scripted } from '../kit/s3-script.ts'

const OWN = '0a0b0c0d'
const VIA = 'Fallback-Storage-Via'
const cameThrough = (value: string): Headers => new Headers({ [VIA]: value })

/** A backend whose origin redirects to another host once, and the header of its requests. */
function httpWith(deploymentId?: string) {
  const seen: (string | null)[] = []
  const backend = httpBackend('old', {
    url: 'https://origin.example/',
    ...(deploymentId !== undefined && { deploymentId }),
    fetch: async (input, init) => {
      const request = new Request(input, init)
      seen.push(request.headers.get(VIA))
      if (!request.url.startsWith('https://origin.example/')) return new Response('x')
      return new Response(null, { status: 302, headers: { Location: 'https://cdn.example/a' } })
    },
  })
  return { backend, seen }
}

describe('requests to an http origin', () => {
  it('say which deployment sends them, to hosts that it redirects to as well', async () => {
    const { backend, seen } = httpWith(OWN)
    await backend.head('a')
    expect(seen).toEqual([OWN, OWN])
  })

  it('repeat which deployments the request came through, and nothing else that it carries', async () => {
    const { backend, seen } = httpWith(OWN)
    await runInvocation(() => backend.head('a'), passedBy(cameThrough('11111111, <script>, 22222222'), OWN))
    expect(seen[0]).toBe(`11111111, 22222222, ${OWN}`)
    await backend.head('a')
    expect(seen.at(-1)).toBe(OWN)
  })

  it('are kept separate for concurrent requests', async () => {
    const { backend, seen } = httpWith(OWN)
    await Promise.all(
      ['11111111', '22222222'].map((id) =>
        runInvocation(() => backend.head('a'), passedBy(cameThrough(id), OWN)),
      ),
    )
    expect(seen).toHaveLength(4)
    expect(new Set(seen)).toEqual(new Set([`11111111, ${OWN}`, `22222222, ${OWN}`]))
  })
})

it('requests to S3 carry it beside the signature, not in it', async () => {
  const { backend, sent } = scripted([new Response('x')], { deploymentId: OWN })
  await runInvocation(() => backend.get('a'), passedBy(cameThrough('11111111'), OWN))
  expect(sent[0]?.headers.get(VIA)).toBe(`11111111, ${OWN}`)
  expect(sent[0]?.headers.get('Authorization')).toMatch(/SignedHeaders=(?!.*fallback-storage-via)/)
})

describe('a request that has passed through', () => {
  it('this deployment is refused', () => {
    const again = () => runInvocation(() => 'answered', passedBy(cameThrough(`11111111, ${OWN}`), OWN))
    expect(again).toThrow('come back to this Worker')
  })

  it('others is answered', () => {
    expect(runInvocation(() => 'answered', passedBy(cameThrough('11111111, 22222222'), OWN))).toBe('answered')
    expect(runInvocation(() => 'answered', passedBy(new Headers(), OWN))).toBe('answered')
  })
})

describe('the id of a deployment', () => {
  const origin = (url: string) => ({ type: 'http', name: 'old', url }) as HttpConfig
  const namespace = (id: string) => ({ idFromName: () => ({ toString: () => id }) }) as never
  const idOf = (url: string, services: { backfillJobs?: never } = {}) =>
    deploymentId({ backends: [origin(url)], mediaPath: '/', mediaUrl: undefined, services })

  it('is the same in every isolate', () => {
    expect(idOf('https://a.example/')).toBe(idOf('https://a.example/'))
    expect(idOf('https://a.example/')).toMatch(/^[0-9a-f]{8}$/)
  })

  it('is different for another configuration, or for the same one deployed twice', () => {
    const ids = [
      idOf('https://a.example/'),
      idOf('https://b.example/'),
      idOf('https://a.example/', { backfillJobs: namespace('one') }),
      idOf('https://a.example/', { backfillJobs: namespace('two') }),
    ]
    expect(new Set(ids).size).toBe(4)
  })
})
