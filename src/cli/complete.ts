import type { Argument, Command, Option } from 'commander'
import { createClient } from '../client/client.ts'
import { findDeployment } from './deployment-options.ts'
import { readProfiles } from './profiles.ts'
import type { GlobalOptions, Io } from './session.ts'

/** A way to continue the last word. */
export interface Candidate {
  value: string
  about?: string
}

/** The candidates; `files` leaves it to the shell. */
export type Candidates = Candidate[] | 'files'

/** How the last of the words after the program's name can be completed. */
export async function complete(program: Command, words: readonly string[], io: Io): Promise<Candidates> {
  const word = words.at(-1) ?? ''
  const { command, args, options, pending, isPastOptions } = readWords(program, words.slice(0, -1))
  const request = { options, io }
  if (pending) return valuesOf(pending, { ...request, word })
  const isOption = !isPastOptions && word.startsWith('-')
  const [flag = '', value] = isOption ? splitOption(word) : []
  if (value !== undefined) {
    const option = findOption(command, flag)
    const found = option ? await valuesOf(option, { ...request, word: value }) : []
    return found === 'files' ? [] : found.map((one) => ({ ...one, value: `${flag}=${one.value}` }))
  }
  if (isOption) return startingWith(word, optionCandidates(command))
  if (command.commands.length > 0) return startingWith(word, commandCandidates(command))
  const last = command.registeredArguments.at(-1)
  const argument = command.registeredArguments[args.length] ?? (last?.variadic ? last : undefined)
  return argument ? valuesOf(argument, { ...request, word }) : []
}

interface Read {
  command: Command
  args: string[]
  options: Record<string, string>
  /** The option whose value comes next. */
  pending: Option | undefined
  /** Whether there was a `--`. */
  isPastOptions: boolean
}

/** What the words mean, as Commander will read them. */
function readWords(program: Command, words: readonly string[]): Read {
  const read: Read = { command: program, args: [], options: {}, pending: undefined, isPastOptions: false }
  for (const word of words) {
    if (read.pending) {
      read.options[read.pending.attributeName()] = word
      read.pending = undefined
    } else if (!read.isPastOptions && word === '--') {
      read.isPastOptions = true
    } else if (!read.isPastOptions && word.startsWith('-') && word !== '-') {
      const [flag, value] = splitOption(word)
      const option = findOption(read.command, flag)
      if (value !== undefined && option) read.options[option.attributeName()] = value
      else if (option?.required) read.pending = option
    } else {
      const within = read.command.commands.find((one) => one.name() === word)
      if (within) read.command = within
      else read.args.push(word)
    }
  }
  return read
}

function splitOption(word: string): [string, string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)]
}

/** The options of a command and of those that it is part of. */
function optionsOf(command: Command): Option[] {
  const help = command.createHelp()
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
}

function findOption(command: Command, flag: string): Option | undefined {
  return optionsOf(command).find(({ long, short }) => flag === long || flag === short)
}

function optionCandidates(command: Command): Candidate[] {
  return optionsOf(command).map(({ long, short, description }) => ({
    value: long ?? short ?? '',
    about: description,
  }))
}

function commandCandidates(command: Command): Candidate[] {
  const help = command.createHelp()
  return help
    .visibleCommands(command)
    .map((one) => ({ value: one.name(), about: help.subcommandDescription(one) }))
}

interface ValueRequest {
  word: string
  options: GlobalOptions
  io: Io
}

async function valuesOf(of: Option | Argument, request: ValueRequest): Promise<Candidates> {
  if (of.argChoices)
    return startingWith(
      request.word,
      of.argChoices.map((value) => ({ value })),
    )
  const placeholder = 'flags' in of ? (/<(.+?)>/.exec(of.flags)?.[1] ?? '') : of.name()
  const found = Object.hasOwn(VALUES, placeholder) ? await VALUES[placeholder]?.(request) : []
  return found === 'files' ? found : startingWith(request.word, found ?? [])
}

/** The values of an option or argument, by the name that its description uses. */
const VALUES: Record<string, (request: ValueRequest) => Candidates | Promise<Candidates>> = {
  file: () => 'files',
  profile: profileNames,
  backend: backendNames,
  'other-backend': backendNames,
  name: objectNames,
  names: objectNames,
  prefix: objectNames,
  source: locations,
  destination: locations,
}

function profileNames({ io }: ValueRequest): Candidate[] {
  return Object.entries(readProfiles(io.env).profiles).map(([value, { url }]) => ({ value, about: url }))
}

/** A slow or distant deployment must not block the terminal for longer. */
const TIMEOUT_MS = 2_000
const MAX_NAMES = 200

function clientOf({ options, io }: ValueRequest) {
  // A password manager might ask for its password, in the middle of a line.
  const { url, token } = findDeployment(options, io.env, { runsCommands: false })
  return createClient({
    url,
    ...(token !== '' && { token }),
    fetch: (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) }),
  })
}

async function backendNames(request: ValueRequest): Promise<Candidate[]> {
  const { backends } = await clientOf(request).backends()
  return backends.map(({ name, type }) => ({ value: name, about: type }))
}

async function objectNames(request: ValueRequest): Promise<Candidate[]> {
  const page = await clientOf(request).list(request.word, { limit: MAX_NAMES, delimiter: '/' })
  const names = [...page.directories, ...page.objects.map(({ name }) => name)]
  // Shells read one candidate per line.
  return names.filter((name) => !/\p{Cc}/u.test(name)).map((value) => ({ value }))
}

/** What `cp` and `sync` accept: files, and `PROFILE:NAME`. */
async function locations(request: ValueRequest): Promise<Candidates> {
  const at = request.word.indexOf(':')
  if (at === -1) {
    const profiles = profileNames(request).map(({ value, about }) => ({
      value: `${value}:`,
      about: about ?? '',
    }))
    const found = request.word === '' ? [] : startingWith(request.word, profiles)
    return found.length > 0 ? found : 'files'
  }
  const [profile, word] = [request.word.slice(0, at), request.word.slice(at + 1)]
  const options = profile === '' ? request.options : { profile }
  const names = await objectNames({ ...request, word, options })
  return names.map(({ value }) => ({ value: `${profile}:${value}` }))
}

function startingWith(word: string, candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(word))
}
