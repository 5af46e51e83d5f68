import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { close, listen } from '../kit/servers/listen.ts'
import { createCli, type Cli } from './run.ts'

let server: Server
let cli: Cli
let requests = 0

beforeAll(async () => {
  server = createServer((_, response) => {
    requests += 1
    response.setHeader('Content-Type', 'application/json').end('{}')
  })
  cli = createCli(await listen(server), 'token')
})

afterAll(() => close(server))

it.each([
  ['get', '--', '-/docs', '-'],
  ['get', '--', '-', 'x'],
  ['put', '--', 'package.json', '-/docs'],
  ['put', '--available', '--', 'package.json', '-/docs'],
  ['rm', '--', '-/docs'],
  ['explain', '--', '-/docs'],
  ['undelete', '--', '-/docs'],
  ['versions', '--', '-/docs'],
  ['restore', '--', '-/docs'],
  ['ls', '--', '-/'],
  ['tombstones', 'ls', '--', '-/x'],
  ['tombstones', 'purge', '--', '-/x'],
  ['backfill', 'start', '--prefix=-/'],
  ['backfill', 'start', '--manifest-object=-/docs'],
  ['backfill', 'start', '--manifest=package.json', '--prefix=-/'],
  ['cache', 'purge', '--', '-/docs'],
  ['cache', 'purge', '--prefix=-/'],
  ['verify', '--prefix=-/'],
])('refuses reserved names without sending a request: %s %s %s', async (...args) => {
  requests = 0
  const { code, stdout, stderr } = await cli(args)
  expect(stderr).toMatch(/^error: "-\/?\w*" is reserved: .* belongs to the Worker itself/)
  expect({ code, stdout, requests }).toEqual({ code: 2, stdout: '', requests: 0 })
})
