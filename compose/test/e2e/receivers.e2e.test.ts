import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { alertGroups } from '../../../dashboards/alerts/rules.ts'
import { runbook } from '../../../dashboards/builder/runbook.ts'
import type { alertmanagerConfig } from '../../docker/receivers.ts'
import { mailSink } from '../kit/servers/mail-sink.ts'
import { skipUnless } from '../kit/skip.ts'
import { amtool, ensureAlertmanager, startAlertmanager } from '../services/alertmanager.ts'
import { until } from '../until.ts'

const it = skipUnless(test, ensureAlertmanager() !== null, 'Alertmanager is missing')
const root = join(import.meta.dirname, '../../..')

type Prepared = ReturnType<typeof alertmanagerConfig>

const prepareIn = (folder: string, env: Readonly<Record<string, string>>) =>
  spawnSync(process.execPath, [join(root, 'compose/docker/prepare.ts'), folder], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...env },
  })

const temporary = () => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-receivers-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** The files that compose/docker/prepare.ts writes for an environment. */
const prepared = (env: Readonly<Record<string, string>>): Prepared => {
  using folder = temporary()
  const { status, stderr } = prepareIn(folder.path, env)
  assert.is(status, 0, stderr)
  const file = join(folder.path, 'alertmanager.yaml')
  const { ok, printed } = amtool('check-config', file)
  assert.ok(ok, printed)
  return JSON.parse(readFileSync(file, 'utf8')) as Prepared
}

type Asked = { readonly path: string; readonly body: unknown }

/** Keeps posted JSON, and answers as Telegram's bot interface does. */
const httpSink = async () => {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const text = (await request.toArray()).join('')
    asked.push({ path: request.url ?? '', body: JSON.parse(text) })
    const result = { message_id: asked.length, date: 1, chat: { id: -5, type: 'group' }, text: '' }
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ ok: true, result }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await server[Symbol.asyncDispose]()
    },
  }
}

type Labels = Readonly<Record<string, string>>

/** An alert as Prometheus posts it: labels and annotations of our rule, filled in with these labels. */
const alertOf = (name: string, labels: Labels = {}) => {
  const rule = alertGroups.flatMap(({ rules }) => rules).find(({ alert }) => alert === name)
  if (rule === undefined) throw new Error(`no rule ${name}`)
  const written = (text: string): string =>
    text
      .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '')
      .replaceAll(/\{\{ \$value[^}]*\}\}/g, '2.5')
  const now = Date.now()
  return {
    labels: { alertname: name, rule: rule.rule, severity: rule.severity, ...labels },
    annotations: {
      summary: written(rule.summary),
      description: written(rule.description),
      runbook_url: runbook(rule.rule),
    },
    // Alertmanager would notify about older ones immediately, before it knows any inhibition.
    startsAt: new Date(now).toISOString(),
    endsAt: new Date(now + 600_000).toISOString(),
    generatorURL: 'http://127.0.0.1:9090/graph',
  }
}

type Alert = ReturnType<typeof alertOf>
type Posted = { readonly status: string; readonly alerts: readonly (Alert & { readonly status: string })[] }

const seenFrom = (instance: string, dc: string): Labels => ({
  dc,
  family: 'ipv4',
  media: 'false',
  instance,
  job: 'mtscope',
})

it('an alert and its end reach webhook, mailbox and Telegram as text, and inhibited alerts do not', async () => {
  await using hook = await httpSink()
  await using telegram = await httpSink()
  await using mail = await mailSink()
  const config = prepared({
    ALERT_RECEIVER_URL: `${hook.url}/hook`,
    ALERT_TELEGRAM_TOKEN: '12:secret',
    ALERT_TELEGRAM_CHAT: '-5',
    ALERT_TELEGRAM_API: `${telegram.url}/`,
    ALERT_EMAIL_TO: 'operator@example.test',
    ALERT_EMAIL_FROM: 'mtscope@example.test',
    ALERT_SMTP_HOST: mail.address,
    ALERT_SMTP_TLS: 'false',
    ALERT_SMTP_USER: 'me',
    ALERT_SMTP_PASSWORD: 'hush',
    ALERT_RUNBOOK_URL: 'https://proxy.example.test/runbook',
  })
  // The prepared configuration with shorter intervals.
  const route = { ...config.route, group_wait: '5s', group_interval: '2s' }
  await using alertmanager = await startAlertmanager({ ...config, route })
  const post = async (...alerts: Alert[]): Promise<void> => {
    const response = await fetch(`${alertmanager.url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts),
    })
    assert.is(response.status, 200, await response.text())
  }
  const texts = (): string[] =>
    telegram.asked.map(({ body }) => `${(body as { readonly text: string }).text}`)
  const hooked = (): Posted[] => hook.asked.map(({ body }) => body as Posted)
  const printed = (): string =>
    `${JSON.stringify(hooked(), null, 1)}\n${texts().join('\n')}\n${alertmanager.printed()}`
  const arrived = ({ annotations: { summary }, labels }: Alert, over = false): Promise<unknown> => {
    const reported = `${over ? 'CLEARED' : labels.severity.toUpperCase()}: ${summary}`
    const is = (one: Posted['alerts'][number]): boolean =>
      one.annotations.summary === summary && one.status === (over ? 'resolved' : 'firing')
    return until(
      () =>
        hooked().some(({ alerts }) => alerts.some(is)) &&
        texts().some((text) => text.includes(reported)) &&
        mail.mails.some(({ text }) => text?.includes(reported)),
      `"${reported}" arrives everywhere`,
    ).catch((error: unknown) => {
      throw new Error(`${error}\n${printed()}`)
    })
  }
  const everything = (): string =>
    [JSON.stringify(hooked()), ...texts(), ...mail.mails.map(({ text }) => text)].join('\n')

  const node = '<node & co>:9464'
  const down = alertOf('MtscopeDatacenterDown', seenFrom(node, '4'))
  const slowToo = alertOf('MtscopeDatacenterSlow', seenFrom(node, '4'))
  const slow = alertOf('MtscopeDatacenterSlow', seenFrom(node, '2'))
  const fast = alertOf('MtscopeBudgetBurnsFast')
  const slowly = alertOf('MtscopeBudgetBurnsSlow')
  await post(down, slowToo, slow, fast, slowly)
  for (const alert of [down, slow, fast]) await arrived(alert)
  for (const { annotations } of [slowToo, slowly]) assert.not.match(everything(), annotations.summary)

  const letter = mail.mails.find(({ subject }) => subject === `critical: ${down.annotations.summary}`)
  assert.ok(letter, mail.mails.map(({ raw }) => raw).join('\n'))
  assert.equal([letter.from, letter.to], ['mtscope@example.test', ['operator@example.test']])
  assert.ok(mail.logins.every((login) => login === 'me:hush'))
  const message = telegram.asked.find(({ body }) => JSON.stringify(body).includes('Datacenter 4'))
  assert.ok(message)
  assert.is(message.path, '/bot12:secret/sendMessage')
  const { chat_id, parse_mode, text } = message.body as Labels
  assert.equal([`${chat_id}`, parse_mode ?? ''], ['-5', ''])
  for (const reported of [letter.text ?? '', text ?? '']) {
    const lines = reported.replaceAll('\r\n', '\n').trim().split('\n')
    assert.equal(
      [lines[0], lines[1], lines[3]],
      [
        `CRITICAL: ${down.annotations.summary}`,
        down.annotations.description,
        'What to do: https://proxy.example.test/runbook#datacenter-down',
      ],
    )
    assert.match(
      lines[2] ?? '',
      /^dc=4 family=ipv4 instance=<node & co>:9464 media=false since \d{4}-\S+ \S+ UTC$/,
    )
    assert.is(lines.length, 4)
  }

  await post({ ...down, endsAt: new Date().toISOString() })
  await arrived(down, true)
  assert.ok(mail.mails.some(({ subject }) => subject === `cleared: ${down.annotations.summary}`))
  assert.ok(texts().some((one) => /^CLEARED: .*\ndc=4 .* from \S+ \S+ to \S+ \S+ UTC$/.test(one.trim())))
  // No alert is left.
  await arrived(slowToo)
  assert.not.match(everything(), slowly.annotations.summary)
})

test('every invalid receiver is reported in one list, and nothing is written', () => {
  using folder = temporary()
  const { status, stderr } = prepareIn(folder.path, {
    ALERT_RECEIVER_URL: 'hooks.example.test',
    ALERT_EMAIL_TO: 'a@example.test',
    ALERT_SMTP_HOST: 'mail.example.test',
    ALERT_SMTP_TLS: 'no',
    ALERT_TELEGRAM_CHAT: '@channel',
    ALERT_RUNBOOK_URL: 'https://proxy.example.test/"}}',
  })
  assert.is(status, 2)
  for (const name of [
    'ALERT_RECEIVER_URL',
    'ALERT_EMAIL_FROM',
    'ALERT_SMTP_HOST',
    'ALERT_SMTP_TLS',
    'ALERT_TELEGRAM_CHAT',
    'ALERT_TELEGRAM_TOKEN',
    'ALERT_RUNBOOK_URL',
  ])
    assert.match(stderr, name)
  assert.throws(() => readFileSync(join(folder.path, 'alertmanager.yaml')))
})

test.run()
