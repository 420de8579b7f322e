"""Who is in the demo: staff, creators, partners, channels, with names in English and Chinese."""

from dataclasses import dataclass

from accounts.choices import PartyKind, Role
from partners.choices import ChannelKind

PASSWORD = "demo"  # noqa: S105 - the demo's door is meant to be open, and `check --deploy` refuses PORTAL_DEMO


@dataclass(frozen=True)
class DemoStaff:
    """A member of staff with a role."""

    email: str
    name: str
    name_zh: str
    role: Role


STAFF: tuple[DemoStaff, ...] = (
    DemoStaff("manager@demo.test", "Mei Zhou", "周梅", Role.MANAGER),
    DemoStaff("finance@demo.test", "Jonas Weber", "约纳斯", Role.FINANCE),
    DemoStaff("auditor@demo.test", "Ines Ferreira", "伊内斯", Role.AUDITOR),
    DemoStaff("marketer@demo.test", "Amara Obi", "阿玛拉", Role.MARKETER),
    DemoStaff("operator@demo.test", "Kenji Mori", "森健二", Role.OPERATOR),
)

CREATORS: tuple[tuple[str, str], ...] = (
    ("Lin Yue", "林越"), ("Chen Hao", "陈浩"), ("Noor Haddad", "努尔"), ("Wang Siyuan", "王思远"),
    ("Li Qing", "李清"), ("Zhang Wei", "张伟"), ("Sofia Marin", "索菲亚"), ("Liu Yifei", "刘亦飞"),
    ("Zhao Ming", "赵明"), ("Huang Ting", "黄婷"), ("Daniel Okafor", "丹尼尔"), ("Xu Jia", "徐佳"),
    ("Sun Peng", "孙鹏"), ("Ma Lin", "马琳"), ("Yuki Tanaka", "田中由纪"), ("Guo Feng", "郭峰"),
    ("He Xin", "何欣"), ("Luo Yang", "罗阳"), ("Priya Raman", "普莉娅"), ("Tang Rui", "唐睿"),
    ("Deng Kai", "邓凯"), ("Feng Xue", "冯雪"), ("Lukas Novak", "卢卡斯"), ("Cao Jing", "曹静"),
    ("Peng Bo", "彭博"), ("Zeng Li", "曾莉"), ("Xiao Han", "肖涵"), ("Tian Yu", "田宇"),
    ("Dong Mei", "董梅"), ("Pan Chao", "潘超"), ("Yuan Fang", "袁芳"), ("Jiang Tao", "蒋涛"),
    ("Elena Rossi", "埃莱娜"), ("Cai Wen", "蔡文"), ("Yu Hang", "余航"), ("Du Shan", "杜珊"),
    ("Ye Qiu", "叶秋"), ("Cheng Lu", "程露"), ("Su Min", "苏敏"), ("Wei Dong", "魏东"),
)  # fmt: skip
FOREIGN: frozenset[str] = frozenset({"Noor Haddad", "Sofia Marin", "Daniel Okafor", "Yuki Tanaka", "Elena Rossi"})
"""Creators who price their courses in their own currency."""
FOREIGN_CURRENCY = {
    "Noor Haddad": "USD", "Sofia Marin": "EUR", "Daniel Okafor": "USD", "Yuki Tanaka": "JPY", "Elena Rossi": "EUR",
}  # fmt: skip


@dataclass(frozen=True)
class DemoPartner:
    """A partner of one kind; those with `brings` own links in the partner channels."""

    code: str
    name: str
    name_zh: str
    kind: PartyKind
    brings: int = 0


PARTNERS: tuple[DemoPartner, ...] = (
    DemoPartner("data-lantern", "Data Lantern", "数据灯塔", PartyKind.AFFILIATE, 9),
    DemoPartner("pm-weekly", "PM Weekly", "产品周刊", PartyKind.AFFILIATE, 8),
    DemoPartner("night-owl-coder", "Night Owl Coder", "夜猫程序员", PartyKind.AFFILIATE, 7),
    DemoPartner("gopher-diary", "Gopher Diary", "地鼠日记", PartyKind.AFFILIATE, 6),
    DemoPartner("rustacean-cn", "Rustacean CN", "锈蚀中文社区", PartyKind.AFFILIATE, 5),
    DemoPartner("ai-morning", "AI Morning", "早安人工智能", PartyKind.AFFILIATE, 5),
    DemoPartner("cloud-notes", "Cloud Notes", "云上笔记", PartyKind.AFFILIATE, 4),
    DemoPartner("backend-brew", "Backend Brew", "后端咖啡馆", PartyKind.AFFILIATE, 3),
    DemoPartner("frontend-garden", "Frontend Garden", "前端花园", PartyKind.AFFILIATE, 3),
    DemoPartner("chip-talk", "Chip Talk", "芯片夜话", PartyKind.AFFILIATE, 2),
    DemoPartner("campus-union", "Campus Union", "高校联盟", PartyKind.CHANNEL_PARTNER, 8),
    DemoPartner("devday", "DevDay Conferences", "开发者日大会", PartyKind.CHANNEL_PARTNER, 5),
    DemoPartner("hr-bridge", "HR Bridge", "人才桥", PartyKind.CHANNEL_PARTNER, 4),
    DemoPartner("city-library", "City Library Network", "城市图书馆网络", PartyKind.CHANNEL_PARTNER, 2),
    DemoPartner("bootcamp-east", "Bootcamp East", "东方训练营", PartyKind.CHANNEL_PARTNER, 3),
    DemoPartner("meetup-sh", "Shanghai Meetups", "上海聚会", PartyKind.CHANNEL_PARTNER, 2),
    DemoPartner("streamkit", "StreamKit", "流光直播", PartyKind.SUPPLIER),
    DemoPartner("quizforge", "QuizForge", "题锻科技", PartyKind.SUPPLIER),
    DemoPartner("mailwright", "Mailwright", "信匠", PartyKind.SUPPLIER),
    DemoPartner("paywell", "Paywell", "优付", PartyKind.SUPPLIER),
    DemoPartner("jetide", "Jetide", "捷思开发工具", PartyKind.ADVERTISER),
    DemoPartner("cloudharbor", "Cloud Harbor", "云港", PartyKind.ADVERTISER),
    DemoPartner("boardworks", "Boardworks", "板载电子", PartyKind.ADVERTISER),
    DemoPartner("studio-linyue", "Studio Lin Yue", "林越工作室", PartyKind.CREATOR, 4),
    DemoPartner("studio-north", "North Studio", "北方工作室", PartyKind.CREATOR, 2),
)


@dataclass(frozen=True)
class DemoChannel:
    """A channel with its share of first touches, its true effect on the log-odds of buying, and its daily cost.

    `cost_cny` is the mean spend of a day in minor units, 0 for channels that cost nothing.
    """

    code: str
    name: str
    name_zh: str
    kind: ChannelKind
    weight: float
    effect: float
    cost_cny: int = 0
    owned: bool = False


CHANNELS: tuple[DemoChannel, ...] = (
    DemoChannel("direct", "Direct", "直接访问", ChannelKind.DIRECT, 0.16, 0.05),
    DemoChannel("organic-search", "Organic search", "自然搜索", ChannelKind.ORGANIC_SEARCH, 0.20, 0.22),
    DemoChannel("paid-search", "Paid search", "付费搜索", ChannelKind.PAID_SEARCH, 0.14, 0.30, 96_000),
    DemoChannel("paid-social", "Paid social", "付费社交", ChannelKind.PAID_SOCIAL, 0.12, 0.08, 82_000),
    DemoChannel("organic-social", "Organic social", "社交媒体", ChannelKind.ORGANIC_SOCIAL, 0.09, 0.12),
    DemoChannel("email", "Email", "邮件", ChannelKind.EMAIL, 0.05, 0.55, 6_000),
    DemoChannel("partner-links", "Partner links", "伙伴链接", ChannelKind.PARTNER, 0.08, 0.62, owned=True),
    DemoChannel("campus", "Campus programme", "校园计划", ChannelKind.REFERRAL, 0.04, 0.48, owned=True),
    DemoChannel("video", "Video platforms", "视频平台", ChannelKind.VIDEO, 0.05, 0.18, 24_000),
    DemoChannel("display", "Display ads", "展示广告", ChannelKind.DISPLAY, 0.03, -0.10, 31_000),
    DemoChannel("events", "Events", "线下活动", ChannelKind.EVENT, 0.02, 0.70, 12_000),
    DemoChannel("recommended", "Recommended here", "站内推荐", ChannelKind.RECOMMENDATION, 0.02, 0.40),
)
