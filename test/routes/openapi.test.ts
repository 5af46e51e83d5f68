import { reset } from 'cloudflare:test'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { buildDocument } from '../../scripts/openapi/document.ts'
import { errorsPage } from '../../scripts/openapi/errors-page.ts'
import { BROKEN_ORIGIN, fill, media, mediaKv, OLD, R2, startApp } from '../kit/app.ts'
import document from '../../src/assets/openapi.json'
import { statusOf } from '../../src/http/problem.ts'
import { ANSWERS, problem } from '../../src/schemas/answers.ts'
import { ROUTES } from '../../src/schemas/routes.ts'
import { type ErrorCode, StorageError } from '../../src/storage/errors.ts'

afterAll(() => reset())

interface DocumentJson {
  openapi: string
  servers: { url: string }[]
  paths: Record<string, Record<string, OperationJson>>
}

interface OperationJson {
  operationId?: string
  security?: object[]
  parameters?: unknown[]
  responses: Record<string, unknown>
}

const METHODS = ['get', 'head', 'options', 'put', 'post', 'delete']

beforeAll(async () => {
  await fill(media, { one: '1' })
  await fill(mediaKv, { two: '22', three: '333' })
})

describe('the OpenAPI document', () => {
  it('is generated from the schemas and the table of routes (otherwise: npm run openapi)', () => {
    expect(document).toEqual(buildDocument())
  })

  it('is served, with the server at the media path', async () => {
    const { call } = startApp({ MEDIA_PATH: '/media/' })
    const served: DocumentJson = await (await call('/media/-/api/openapi.json')).json()
    expect([served.openapi, served.servers]).toEqual(['3.1.0', [{ url: '/media' }]])
    expect((await startApp().json('/-/api/openapi.json')).body['servers']).toEqual([{ url: '/' }])
  })

  it('has every route of the Worker, except the files of its pages', () => {
    const documented = operations().map(({ method, path }) => `${method} ${path}`)
    const routes = Object.values(ROUTES)
      .map(({ method, path }) => `${method.toLowerCase()} /${path}`)
      .filter((route) => !/\/(?:docs\/docs\.|dashboard\/)/.test(route))
    expect(documented.toSorted()).toEqual([...routes, 'head /{name}', 'options /{name}'].toSorted())
  })

  it('marks each protected route', async () => {
    const { app } = startApp()
    for (const { method, path, operation } of operations()) {
      const url = `http://h${path.replace(/\{\w+\}/, 'one')}`
      const { status } = await app.request(url, { method: method.toUpperCase() })
      expect([method, path, status === 401]).toEqual([method, path, needsToken(operation)])
    }
  })

  it('has the answer of a rate limiter for each route', async () => {
    const limiter = { limit: async () => ({ success: false }) }
    const { app } = startApp({ RATE_LIMITER: limiter })
    for (const { method, path, operation } of operations()) {
      const { status } = await app.request(`http://h${path}`, { method: method.toUpperCase() })
      expect([method, path, status, Object.keys(operation.responses)]).toEqual([
        method,
        path,
        429,
        expect.arrayContaining(['429']),
      ])
    }
  })

  it('has the answer of a save whose name another one takes', () => {
    const { paths } = document as unknown as DocumentJson
    expect(Object.keys(paths['/-/api/save/{name}']?.['post']?.responses ?? {})).toContain('412')
  })

  it('names each operation once, and every parameter of its path', () => {
    const ids = operations().map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    const { paths } = document as unknown as DocumentJson
    for (const [path, item] of Object.entries(paths)) {
      const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name)
      expect(((item['parameters'] ?? []) as unknown as { name: string }[]).map(({ name }) => name)).toEqual(
        names,
      )
    }
  })

  it.each([
    ['get', '/-/api/listdir/', 'listdirRoot'],
    ['get', '/-/api/listdir/photos/2024', 'listdir'],
    ['get', '/-/api/list/', 'listAll'],
    ['get', '/-/api/list/photos/', 'list'],
    ['get', '/-/api/exists/a%20b/c.jpg', 'exists'],
    ['post', '/-/api/exists', 'existsAll'],
    ['get', '/photos/a.jpg', 'getObject'],
  ])(
    'has exactly one operation that %s %s is valid for, the root of a listing included',
    async (method, path, id) => {
      expect(operationsFor(method, path)).toEqual([id])
      const init = { method, ...(method === 'post' && { body: '{"names":[]}' }) }
      expect((await startApp().call(path, init)).status).not.toBe(405)
    },
  )

  it('demands a value of every parameter in a path', () => {
    for (const parameter of pathParameters()) {
      expect(parameter).toMatchObject({
        in: 'path',
        required: true,
        schema: { type: 'string', minLength: 1 },
      })
    }
  })

  it('says which parameters of a query a request must have', () => {
    const operations = Object.values((document as unknown as DocumentJson).paths).flatMap(Object.values)
    const required = (operations as OperationJson[]).flatMap(({ operationId, parameters = [] }) =>
      (parameters as { name: string; in: string; required?: boolean }[])
        .filter((one) => one.in === 'query' && one.required)
        .map(({ name }) => `${operationId} ${name}`),
    )
    expect(required.toSorted()).toEqual(['dismissConflict backend', 'getSeries what'])
  })

  it('contains everything that it refers to', () => {
    for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = (reference ?? '')
        .split('/')
        .reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document)
      expect(found).toBeTypeOf('object')
    }
  })
})

describe('the answers of the API', () => {
  it.each([
    ['GET', 'exists/one', ANSWERS.exists],
    ['GET', 'size/two', ANSWERS.size],
    ['GET', 'url/two', ANSWERS.url],
    ['GET', 'modified_time/two', ANSWERS.modifiedTime],
    ['GET', 'created_time/two', ANSWERS.createdTime],
    ['GET', 'get_valid_name/a%20b', ANSWERS.getValidName],
    ['GET', 'get_available_name/one', ANSWERS.getAvailableName],
    ['GET', 'path/one', ANSWERS.path],
    ['GET', 'listdir/?limit=1', ANSWERS.listdir],
    ['GET', 'list/', ANSWERS.list],
    ['POST', 'migrate', ANSWERS.migrate, { names: ['one', 'two', 'none', 'a\0'] }],
    ['GET', 'explain/two', ANSWERS.explain],
    ['GET', 'explain/three', ANSWERS.explain],
    ['GET', 'explain/none', ANSWERS.explain],
    ['GET', 'backends', ANSWERS.listBackends],
    ['GET', 'tombstones', ANSWERS.listTombstones],
    ['POST', 'tombstones/purge', ANSWERS.purgeTombstones],
    ['POST', 'undelete/three', ANSWERS.undelete],
    ['POST', 'save/new', ANSWERS.save],
    ['GET', 'size/none', problem],
    ['GET', 'none', problem],
  ])('to %s %s match the document', async (method, path, schema, sent?: object) => {
    const { json, remove } = startApp({ FALLBACK_DATA_MIGRATION: true })
    await remove('three')
    const init = { method, ...(sent && { body: JSON.stringify(sent) }) }
    const { body } = await json(`/-/api/${path}`, init)
    expect(v.safeParse(schema as v.GenericSchema, body).issues).toBeUndefined()
  })

  it('to failures match the document', async () => {
    const { json } = startApp({
      FALLBACK_STORAGES: [R2, { ...OLD, listing: 'autoindex-json' }],
      OLD: BROKEN_ORIGIN,
    })
    expect(v.is(problem, (await json('/-/api/exists/a')).body)).toBe(true)
    expect(v.is(ANSWERS.list, (await json('/-/api/list')).body)).toBe(true)
    expect(v.is(ANSWERS.explain, (await json('/-/api/explain/a')).body)).toBe(true)
    expect(v.is(ANSWERS.health, (await json('/-/health')).body)).toBe(true)
  })
})

describe('the pages', () => {
  it.each(['/-/docs', '/-/docs/errors'])('%s runs its own script only', async (path) => {
    const response = await startApp().call(path, { token: null })
    expect(response.headers.get('Content-Type')).toMatch(/^text\/html/)
    expect(response.headers.get('Content-Security-Policy')).toMatch(/^default-src 'none'.*script-src 'self';/)
    const html = await response.text()
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//)
    expect(html).not.toMatch(/<script>|<style| on\w+=/)
  })

  it.each([
    ['/-/docs/docs.js', 'javascript'],
    ['/-/docs/docs.css', 'css'],
  ])('load %s', async (path, type) => {
    const response = await startApp().call(path, { token: null })
    expect([response.status, response.headers.get('Content-Type')]).toEqual([
      200,
      expect.stringContaining(type),
    ])
    await response.body?.cancel()
  })

  it.each([
    ['/-/docs/', '../docs'],
    ['/-/docs/errors/', '../errors'],
  ])('%s leads to the address at which its links work', async (path, location) => {
    const response = await startApp().call(path, { token: null })
    expect([response.status, response.headers.get('Location')]).toEqual([308, location])
  })

  it('of errors is what the script makes (else: npm run openapi)', async () => {
    expect(await (await startApp().call('/-/docs/errors')).text()).toBe(errorsPage())
  })

  it('have an anchor for the type of every error', async () => {
    const { call, json } = startApp()
    const html = await (await call('/-/docs/errors')).text()
    const { body } = await json('/-/api/size/none')
    expect(body['type']).toBe('/-/docs/errors#absent')
    for (const [, code] of html.matchAll(/<tr id="([^"]+)">/g)) {
      expect(html).toContain(
        `<code>${code}</code></th><td>${statusOf(new StorageError(code as ErrorCode, ''))}</td>`,
      )
    }
    expect(html).toContain('id="absent"')
  })
})

/** An empty requirement among them makes the token optional. */
function needsToken({ security = [] }: OperationJson): boolean {
  return security.length > 0 && security.every((requirement) => Object.keys(requirement).length > 0)
}

/** Ids of the operations for which a request is valid: the most specific path, and no empty parameter. */
function operationsFor(method: string, path: string): (string | undefined)[] {
  const matching = operations().filter((operation) => {
    const pattern = operation.path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '.+')
    return operation.method === method && new RegExp(`^${pattern}$`).test(path)
  })
  const isApi = path.startsWith('/-/')
  return matching
    .filter((operation) => operation.path.startsWith('/-/') === isApi)
    .map(({ operation }) => operation.operationId)
}

function pathParameters(): unknown[] {
  const { paths } = document as unknown as DocumentJson
  return Object.values(paths).flatMap((item) => (item['parameters'] ?? []) as unknown[])
}

function operations() {
  const { paths } = document as unknown as DocumentJson
  return Object.entries(paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method]
      return operation ? [{ method, path, operation }] : []
    }),
  )
}
