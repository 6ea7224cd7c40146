// All that the page says, in Chinese and English. word_, advice_: of a result, or of a reason where it has its own
// (advice_licence: of any that is the licence's);
// reason_: of a gateway's answer (docs/PROTOCOL.md section 10), of the phone's own check, or of an answer that did
// not come; here_: what the phone found out.
export const words = {
  title: { zh: '扫码核验', en: 'Scan to verify' },
  language: { zh: 'English', en: '中文' },
  elder: { zh: '大字版', en: 'Large text' },

  word_checking: { zh: '正在核验', en: 'Checking' },
  word_valid: { zh: '有效', en: 'Valid' },
  word_invalid: { zh: '无效', en: 'Not valid' },
  word_code_expired: { zh: '码已过期', en: 'Code expired' },
  word_indeterminate: { zh: '无法判断', en: 'Can’t tell' },

  advice_checking: { zh: '请稍候。', en: 'One moment, please.' },
  advice_valid: { zh: '请核对下面的内容与眼前的人是否一致。', en: 'Now compare what is below with the person in front of you.' },
  advice_invalid: {
    zh: '请勿认可此证照。请对方重新亮证，再扫一次。',
    en: 'Do not accept it. Ask for the licence to be displayed again, and scan once more.' },
  advice_licence: {
    zh: '请勿认可此证照。持证人如有疑问，请联系发证机关。',
    en: 'Do not accept this licence. If its holder doubts this, the authority that issued it can tell why.' },
  advice_code_expired: { zh: '请对方刷新亮证码，然后重新扫描。', en: 'Ask for a fresh code, and scan again.' },
  advice_indeterminate: {
    zh: '这不等于无效，也不等于有效。请再查一次，或请对方重新亮证后扫描；仍不行，请用执法终端核验。',
    en: 'This means neither valid nor invalid. Check again, or scan a fresh code; if that fails, use an inspector’s terminal.' },

  reason_malformed: { zh: '这不是亮证码，或内容已损坏。', en: 'This is no licence code, or it is damaged.' },
  reason_bad_signature: { zh: '签名不符：此码是伪造或被改动的。', en: 'The signature is wrong: this code is forged or was altered.' },
  reason_code_expired: { zh: '此码已超过有效时间。', en: 'The life of this code is over.' },
  reason_not_yet_valid: { zh: '此码的签发时间在将来，时钟可能有误。', en: 'This code was issued in the future: a clock may be wrong.' },
  reason_unknown_key: { zh: '签发此码的密钥不为所知。', en: 'The key that signed this code is not known.' },
  reason_key_revoked: { zh: '签发此码的密钥已被吊销。', en: 'The key that signed this code was revoked.' },
  reason_licence_expired: { zh: '证照已过有效期。', en: 'The licence has passed its last valid day.' },
  reason_licence_seized: { zh: '证照已被暂扣。', en: 'The licence has been seized.' },
  reason_licence_withdrawn: { zh: '证照已被收回。', en: 'The licence has been withdrawn.' },
  reason_licence_revoked: { zh: '证照已被撤销。', en: 'The licence has been revoked.' },
  reason_licence_cancelled: { zh: '证照已被注销。', en: 'The licence has been cancelled.' },
  reason_licence_rescinded: { zh: '证照已被吊销。', en: 'The licence has been rescinded.' },
  reason_licence_lapsed: { zh: '证照已失效。', en: 'The licence has lapsed.' },
  reason_licence_transferred: { zh: '证照已转出本市。', en: 'The licence was transferred elsewhere.' },
  reason_licence_superseded: { zh: '证照已换发新版本，请亮新证。', en: 'There is a newer version of this licence: ask for that one.' },
  reason_licence_not_in_force: { zh: '证照目前不具效力。', en: 'The licence is not in force.' },
  reason_code_already_used: { zh: '此码已被使用过。', en: 'This code has been used before.' },
  reason_licence_unknown: { zh: '服务器查不到此证照。', en: 'The server does not know this licence.' },
  reason_status_unavailable: { zh: '服务器暂时查不到证照状态。', en: 'The server can’t find out the licence’s status at present.' },
  reason_catalogue_unknown: { zh: '服务器不认识此证照类型。', en: 'The server does not know this type of licence.' },
  reason_clock_untrusted: { zh: '本机时钟有误。', en: 'This phone’s clock is wrong.' },
  reason_trust_stale: { zh: '本机取得的公钥已过期。', en: 'The public keys that this phone got are out of date.' },
  reason_keys_unavailable: { zh: '未能取得可用的公钥，本机没有核对签名。', en: 'No usable public keys could be had, so this phone did not check the signature.' },
  reason_gateway_unreachable: { zh: '连不上服务器，证照目前的状态不明。', en: 'The server can’t be reached: the licence’s present status is not known.' },
  reason_gateway_busy: { zh: '服务器繁忙，证照目前的状态不明。', en: 'The server is busy: the licence’s present status is not known.' },
  reason_gateway_unclear: { zh: '服务器的答复无法理解，证照目前的状态不明。', en: 'The server’s answer makes no sense: the licence’s present status is not known.' },

  said: { zh: '核验依据', en: 'What this is based on' },
  here: { zh: '本机', en: 'This phone' },
  there: { zh: '服务器', en: 'The server' },
  here_authentic: { zh: '签名真实，码在有效时间内。', en: 'Signature genuine, code within its life. ' },
  here_unchecked: { zh: '本机不能核对此类签名，已交由服务器核对。', en: 'It can’t check signatures of this kind, and leaves that to the server. ' },
  here_invalid: { zh: '不通过：', en: 'Refused: ' },
  here_indeterminate: { zh: '没有结论：', en: 'No result: ' },
  there_valid: { zh: '证照有效。', en: 'The licence is valid.' },
  asOf: { zh: '状态截至（北京时间）', en: 'Status as of (Beijing time)' },
  clockOff: { zh: '本机时钟不准，已按服务器时间核验。', en: 'This phone’s clock is off; the server’s time was used.' },

  shown: { zh: '此码出示的内容', en: 'What was displayed' },
  compare: { zh: '请与眼前的人核对', en: 'Compare with the person' },
  type: { zh: '证照类型', en: 'Type of licence' },
  name: { zh: '姓名或名称', en: 'Name' },
  number: { zh: '号码末位', en: 'Number ends in' },
  until: { zh: '有效期至', en: 'Valid until' },
  longTerm: { zh: '长期', en: 'no end date' },
  photo: {
    zh: '名字和号码有遮盖，本页没有照片。照片和全部内容只有执法人员的终端能看到。',
    en: 'Name and number are masked, and there is no photo here: only an inspector’s terminal shows those.' },
  life: { zh: '此码还有 {s} 秒', en: 'This code has {s} s left' },
  again: { zh: '再查一次', en: 'Check again' },

  hostHeading: { zh: '本页网址的主机名', en: 'This page comes from' },
  hostNote: {
    zh: '只有当浏览器地址栏里正是市政府公布的这个主机名时，本页的结论才算数。别处的网页想显示什么都可以。',
    en: 'It is worth something only if your browser’s address bar shows this very name, and it is the one that the city has published. A page elsewhere can show whatever it likes.' },

  introHeading: { zh: '核验别人出示的证照', en: 'Verify a licence that somebody shows you' },
  intro: {
    zh: '用手机相机扫描对方在“焦我办”中出示的亮证码，本页就会打开并显示结论。亮证码一分钟内有效。',
    en: 'Scan the code that is displayed to you in the city’s app with your phone’s camera: it opens this page, which says what it is worth. A code lives for about a minute.' },
  codeLabel: { zh: '也可以粘贴扫到的文字', en: 'Or paste what was scanned' },
  submit: { zh: '核验', en: 'Verify' },
};
