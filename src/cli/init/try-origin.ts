import * as v from 'valibot'
import { networkReason } from '../errors.ts'
import { took } from '../output.ts'
import { secretName, type Source, type Table, type Trial } from './setup.ts'

const TIMEOUT_MS = 10_000

/** Requests a name that cannot exist from a web server, and asks whether it lists its folders. Changes nothing. */
export async function tryOrigin({ table, secrets }: Source): Promise<Trial> {
  const name = String(table['name'])
  const url = String(table['url'])
  const userAndPassword = secrets[String(table['basic_auth'])]
  const headers: Record<string, string> = {}
  if (userAndPassword !== undefined) {
    headers['Authorization'] = `Basic ${Buffer.from(userAndPassword).toString('base64')}`
  }
  const started = Date.now()
  try {
    const probe = new URL(`fallback-storage-init-${crypto.randomUUID()}`, url)
    const response = await probed(probe, headers)
    const problem = problemOf(response, probe, table)
    if (problem) return { check: { name, ...problem }, needsPassword: response.status === 401 }
    const lists = await listsFolders(url, headers)
    const detail = `${url} answers in ${took(started)}${lists ? ', and lists its folders' : ''}`
    return { check: { name, status: 'ok', detail }, ...(lists && { learned: { listing: 'autoindex-json' } }) }
  } catch (error) {
    return { check: { name, status: 'failed', ...unreachable(url, error) } }
  }
}

/** Some servers refuse HEAD. */
async function probed(url: URL, headers: Record<string, string>): Promise<Response> {
  const head = await request(url, { method: 'HEAD', headers })
  if (head.status !== 405 && head.status !== 501) return head
  const get = await request(url, { headers: { ...headers, Range: 'bytes=0-0' } })
  await get.body?.cancel()
  return get
}

interface Problem {
  status: 'warning' | 'failed'
  detail: string
  fix: string
}

/** What is wrong with a server that answers like this for a name that it cannot have. */
function problemOf(response: Response, probe: URL, table: Table): Problem | undefined {
  const { status } = response
  if (status === 404 || status === 410) return undefined
  if (status === 401) {
    return {
      status: 'failed',
      detail:
        'basic_auth' in table
          ? 'the server does not accept this user name and password (401)'
          : 'the server wants a user name and a password (401)',
      fix: `set ${secretName(table, 'BASIC_AUTH')} in the environment to user:password`,
    }
  }
  if (status === 403) {
    return {
      status: 'warning',
      detail: 'the server answers 403 for a name that does not exist, which is an error, not an absence',
      fix: 'if it does so for every missing file, add absent_statuses = [403, 404, 410] to its table in wrangler.toml',
    }
  }
  if (status < 300) {
    return {
      status: 'failed',
      detail: `the server answers ${status} for a name that does not exist, so nothing would ever be absent there`,
      fix: 'use the URL below which the files themselves are, such as https://www.example.com/media/',
    }
  }
  if (status < 400) return redirected(response, probe)
  return { status: 'failed', detail: `the server answers ${status}`, fix: 'check the URL and the server' }
}

function redirected({ status, headers }: Response, probe: URL): Problem {
  const location = headers.get('Location') ?? ''
  const target = URL.canParse(location, probe.href) ? new URL(location, probe) : undefined
  const name = probe.pathname.slice(probe.pathname.lastIndexOf('/') + 1)
  const detail = `the server redirects to ${location} (${status})`
  if (target?.pathname.endsWith(`/${name}`) && target.search === '') {
    const fix = `use ${target.href.slice(0, -name.length)}, which saves a request for each file`
    return { status: 'warning', detail, fix }
  }
  return { status: 'failed', detail, fix: 'use the URL below which the files themselves are' }
}

/** As nginx does with `autoindex_format json`. An empty list may be anything, and would make the origin look empty. */
async function listsFolders(url: string, headers: Record<string, string>): Promise<boolean> {
  const response = await request(url, { headers })
  if (!response.ok || !response.headers.get('Content-Type')?.startsWith('application/json')) {
    await response.body?.cancel()
    return false
  }
  const entries: unknown = await response.json().catch(() => undefined)
  return Array.isArray(entries) && entries.length > 0 && entries.every((entry) => v.is(listed, entry))
}

const listed = v.object({ name: v.string(), type: v.string() })

/** Redirects are not followed. */
export function request(url: URL | string, init: RequestInit): Promise<Response> {
  return fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
}

/** Why there was no answer at all. */
export function unreachable(url: string, error: unknown): { detail: string; fix: string } {
  const isTimeout = error instanceof Error && error.name === 'TimeoutError'
  const reason = isTimeout ? `no answer within ${TIMEOUT_MS / 1000} s` : networkReason(error)
  if (reason === undefined) throw error
  return {
    detail: `${url} cannot be reached: ${reason}`,
    fix: 'check the URL and your connection, or add --no-check to write the configuration untried',
  }
}
